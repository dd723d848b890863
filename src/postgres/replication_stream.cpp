#include "postgres/replication_stream.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include "config/limits.h"
#include "postgres/server_version.h"

namespace echodb {
namespace {

using namespace std::chrono_literals;
/// Where the server has no limit of its own.
constexpr auto kPatienceDefault = 60s;
/// A busy server may need a moment for an answer.
constexpr auto kPatienceMin = 5s;
/// Changes that are less than this apart are gathered, once a transaction of a few rows would be over.
constexpr auto kShortWait = 1ms;
constexpr int kShortWaits = 16;
/// For so long, or, once so many frames have come between two pauses, for longer: a backlog is being read. The
/// walsender sends every change by itself; when TCP's window is full, the kernel puts many of them into one segment,
/// which costs the walsender a third less. A Unix-domain socket holds no more than some 300 messages, and the walsender
/// would wait for room in it.
constexpr std::chrono::microseconds kGatherFor = 1ms;
constexpr std::chrono::microseconds kGatherBacklogFor = 5ms;
constexpr std::chrono::microseconds kGatherOnUnixSocketFor = 250us;
constexpr int kBacklogFrames = 200;

std::string start_command(const ReplicationOptions& options, int server_version) {
  bool has_messages = streams_bytes_and_messages(server_version);
  std::string publications;
  for (const std::string& publication : options.publications) {
    if (!publications.empty()) publications += ',';
    publications += quote_sql_identifier(publication);
  }
  if (!has_messages) publications += ',' + quote_sql_identifier(options.message_publication);
  std::string sql =
      fmt::format("START_REPLICATION SLOT {} LOGICAL {} (proto_version '1', publication_names {}",
                  quote_sql_identifier(options.slot), to_string(options.start), quote_sql_literal(publications));
  if (options.format == ValueFormat::Binary) sql += ", binary 'true'";
  if (has_messages) sql += ", messages 'true'";
  return sql + ")";
}

bool is_unix_socket(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  return getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0 && address.ss_family == AF_UNIX;
}

/// PostgreSQL's clock of the replication protocol: microseconds since 2000-01-01.
std::int64_t protocol_time() {
  constexpr std::int64_t kUnixToPostgresMicroseconds = 946'684'800'000'000;
  auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count() - kUnixToPostgresMicroseconds;
}

void start(PostgresConnection& connection, const ReplicationOptions& options) {
  try {
    connection.start_copy_both(start_command(options, connection.server_version()));
  } catch (const Error& error) {
    // 42704: no such slot; 55000: the slot was invalidated and cannot be read from any more.
    if (error.sqlstate() == "42704" || error.sqlstate() == "55000") {
      throw Error(ErrorCode::SlotLost, error.message()).with("slot", options.slot);
    }
    throw;
  }
}

/// Internal errors, exceeded limits and what is not supported ("cannot use different column lists for table … in
/// different publications"), of the server's own, in the middle of the stream.
bool is_about_log(const Error& error) {
  return error.code() == ErrorCode::SourceRejected &&
         (error.sqlstate().starts_with("XX") || error.sqlstate().starts_with("54") || error.sqlstate() == "0A000");
}

class StatusWriter {
 public:
  template <typename T>
  void put(T value) {
    T big_endian = load_big_endian<T>(reinterpret_cast<const std::byte*>(&value));
    std::memcpy(bytes_.data() + size_, &big_endian, sizeof(T));
    size_ += sizeof(T);
  }
  [[nodiscard]] Bytes bytes() const { return {bytes_.data(), size_}; }

 private:
  std::array<std::byte, 34> bytes_{};
  std::size_t size_ = 0;
};

WalFrame parse_frame(Bytes message) {
  ByteReader reader(message);
  char kind = static_cast<char>(reader.read<std::uint8_t>());
  WalFrame frame;
  if (kind == 'w') {
    frame.start = Lsn{reader.read<std::uint64_t>()};
    frame.wal_end = Lsn{reader.read<std::uint64_t>()};
    reader.read<std::int64_t>();
    frame.payload = reader.read_bytes(reader.remaining());
  } else if (kind == 'k') {
    frame.kind = WalFrame::Kind::Keepalive;
    frame.wal_end = Lsn{reader.read<std::uint64_t>()};
    reader.read<std::int64_t>();
    frame.reply_requested = reader.read<std::uint8_t>() != 0;
    reader.expect_end();
  } else {
    throw Error(ErrorCode::ProtocolViolation, fmt::format("replication frame of unknown kind {:#x}", int{kind}));
  }
  return frame;
}

}  // namespace

ReplicationStream::ReplicationStream(const PostgresSettings& settings, const ReplicationOptions& options,
                                     std::stop_token stop)
    : connection_(settings, ConnectionKind::Replication, std::move(stop)), format_(options.format) {
  learn_patience();
  on_unix_socket_ = is_unix_socket(connection_.socket());
  start(connection_, options);
}

void ReplicationStream::learn_patience() {
  QueryResult setting = connection_.execute("SELECT setting FROM pg_settings WHERE name = 'wal_sender_timeout'");
  std::chrono::milliseconds servers(setting.number(0, 0));
  patience_ = servers == 0ms ? kPatienceDefault : std::max<std::chrono::milliseconds>(servers, kPatienceMin);
  status_interval_ = servers == 0ms ? limits::kStatusInterval
                                    : std::min<std::chrono::milliseconds>(limits::kStatusInterval, servers / 4);
}

std::optional<WalFrame> ReplicationStream::try_next() {
  try {
    current_ = connection_.try_receive();
  } catch (const Error& error) {
    if (format_ == ValueFormat::Binary && lacks_binary_form(error)) throw no_binary_form(error);
    if (!is_about_log(error)) throw;
    throw Error(ErrorCode::LogUnreadable, "PostgreSQL cannot read its own log: " + error.message())
        .with_sqlstate(error.sqlstate());
  }
  if (!current_) return std::nullopt;
  ++frames_;
  return parse_frame(current_->bytes());
}

void ReplicationStream::wait(const WaitFor& what, std::chrono::milliseconds at_most) {
  auto began = std::chrono::steady_clock::now();
  std::array<pollfd, 2> watched{pollfd{what.wakeup_fd, POLLIN, 0}, pollfd{connection_.socket(), POLLIN, 0}};
  if (poll(watched.data(), what.for_frames ? 2 : 1, static_cast<int>(at_most.count())) < 0 && errno != EINTR) {
    throw Error(ErrorCode::SystemFailure, std::string("poll: ") + std::strerror(errno));
  }
  if (what.for_frames) gather(std::chrono::steady_clock::now() - began);
}

void ReplicationStream::gather(std::chrono::steady_clock::duration waited) {
  const bool is_backlog = std::exchange(frames_, 0) >= kBacklogFrames;
  short_waits_ = waited < kShortWait ? short_waits_ + 1 : 0;
  if (short_waits_ <= kShortWaits) return;
  auto pause = is_backlog ? kGatherBacklogFor : kGatherFor;
  std::this_thread::sleep_for(on_unix_socket_ ? kGatherOnUnixSocketFor : pause);
}

void ReplicationStream::send_status(Lsn flushed, Reply reply) {
  StatusWriter status;
  status.put(static_cast<std::uint8_t>('r'));
  status.put(flushed.value);
  status.put(flushed.value);
  status.put(flushed.value);
  status.put(protocol_time());
  status.put(static_cast<std::uint8_t>(reply == Reply::Wanted ? 1 : 0));
  connection_.send_copy(status.bytes());
}

}  // namespace echodb
