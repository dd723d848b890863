#include "embedded/running_select.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "base/log.h"

namespace echodb {
namespace {

constexpr int kPipeBytes = 1 << 20;
// A statement is found by KILL only once it has begun, so the kill is repeated until it has ended.
constexpr std::chrono::milliseconds kKillAgainAfter{500};

}  // namespace

RunningSelect::RunningSelect(ChdbEngine& engine, std::unique_ptr<ConnectionLease> lease, const StatementText& statement,
                             const StatementParameters& parameters, Options options)
    : engine_(engine), options_(std::move(options)), lease_(std::move(lease)) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    throw Error(ErrorCode::SystemFailure, fmt::format("cannot make a pipe: {}", std::strerror(errno)));
  }
  read_end_ = FileDescriptor(ends[0]);
  write_end_ = FileDescriptor(ends[1]);
  // Only faster: the kernel may refuse when this user has many pipes already.
  fcntl(write_end_.get(), F_SETPIPE_SZ, kPipeBytes);
  std::string sql =
      select_into_file(statement, fmt::format("/proc/self/fd/{}", write_end_.get()), query_id_tag(options_.query_id));
  engine_.runners().run([this, sql = std::move(sql), parameters] { execute(sql, parameters); });
}

RunningSelect::~RunningSelect() {
  MutexLock lock(mutex_);
  while (!done_) {
    kill();
    const auto until = std::chrono::steady_clock::now() + kKillAgainAfter;
    while (!done_ && finished_.wait_until(mutex_, until)) continue;
  }
}

void RunningSelect::kill() {
  MutexUnlock unlocked(mutex_);
  try {
    engine_.kill(options_.query_id);
  } catch (const Error& failure) {
    log::warn("cannot kill a query whose client is gone: {}", failure.what());
  }
  // Until it was told to end, the full pipe holds it: a reader that is gone would let it run at full speed.
  read_end_.close_now();
}

void RunningSelect::execute(const std::string& sql, const StatementParameters& parameters) {
  StatementCounts counts;
  std::optional<Error> failure;
  try {
    counts = lease_->connection().query(sql, options_.format, parameters).counts();
    if (options_.leaves_clean) {
      lease_->leave_clean();
    } else {
      lease_->leave_changed();
    }
  } catch (const Error& error) {
    failure = error;
  }
  lease_.reset();
  write_end_.close_now();
  // Under the lock, since the destructor may run as soon as it sees done_.
  MutexLock lock(mutex_);
  counts_ = counts;
  failure_ = std::move(failure);
  done_ = true;
  finished_.notify_all();
}

std::size_t RunningSelect::read(std::span<std::byte> into) {
  for (;;) {
    auto size = ::read(read_end_.get(), into.data(), into.size());
    if (size > 0) return static_cast<std::size_t>(size);
    if (size == 0) break;
    if (errno != EINTR) throw Error(ErrorCode::SystemFailure, fmt::format("reading a pipe: {}", std::strerror(errno)));
  }
  MutexLock lock(mutex_);
  while (!done_) finished_.wait(mutex_);
  if (failure_) throw Error(*failure_);
  return 0;
}

StatementCounts RunningSelect::counts() const {
  MutexLock lock(mutex_);
  return counts_;
}

}  // namespace echodb
