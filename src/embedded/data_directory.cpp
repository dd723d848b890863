#include "embedded/data_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/error.h"
#include "embedded/stop_signals.h"

namespace echodb {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kChildrenEndWithin{45};
constexpr std::chrono::milliseconds kLookAgainAfter{50};

[[noreturn]] void cannot_use(const fs::path& path, const std::string& why) {
  throw Error(ErrorCode::InvalidConfiguration, fmt::format("cannot use the data directory {}: {}", path.string(), why),
              "set ECHODB_DATA_DIR to a directory this user may write");
}

fs::path create(const fs::path& wanted) {
  std::error_code failure;
  fs::path path = fs::absolute(wanted, failure).lexically_normal();
  bool made = !failure && !fs::exists(path, failure);
  if (!failure) fs::create_directories(path / "log", failure);
  // A directory that was there keeps its mode; PostgreSQL that root starts as another user has to pass through.
  if (!failure && made && geteuid() != 0) fs::permissions(path, fs::perms::owner_all, failure);
  if (!failure) fs::permissions(path / "log", fs::perms::owner_all, failure);
  if (failure) cannot_use(wanted, failure.message());
  return path;
}

FileDescriptor open_lock(const fs::path& directory, const char* name) {
  FileDescriptor lock(open((directory / name).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
  if (!lock.open()) cannot_use(directory, std::strerror(errno));
  return lock;
}

bool try_lock(const FileDescriptor& lock) {
  if (flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return true;
  if (errno == EWOULDBLOCK) return false;
  throw Error(ErrorCode::SystemFailure, fmt::format("cannot lock the data directory: {}", std::strerror(errno)));
}

void wait_for_children_of_an_earlier_run(const FileDescriptor& lock, const fs::path& path, const StopSignals& stop) {
  auto until = std::chrono::steady_clock::now() + kChildrenEndWithin;
  while (!try_lock(lock)) {
    stop.check();
    if (std::chrono::steady_clock::now() > until) {
      throw Error(ErrorCode::InvalidConfiguration,
                  fmt::format("servers of an earlier `echodb up` still run on the data directory {}", path.string()),
                  fmt::format("end them: fuser -v {}", (path / "children.lock").string()));
    }
    stop.wait_for(kLookAgainAfter);
  }
}

}  // namespace

DataDirectory::DataDirectory(const fs::path& path, const StopSignals& stop) : path_(create(path)) {
  up_lock_ = open_lock(path_, "up.lock");
  if (!try_lock(up_lock_)) {
    throw Error(ErrorCode::InvalidConfiguration,
                fmt::format("another `echodb up` is using the data directory {}", path_.string()),
                "stop it first, or set ECHODB_DATA_DIR and the ports to have a second one");
  }
  children_lock_ = open_lock(path_, "children.lock");
  wait_for_children_of_an_earlier_run(children_lock_, path_, stop);
}

}  // namespace echodb
