#pragma once

#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <list>
#include <string>
#include <thread>
#include <utility>

#include "base/mutex.h"
#include "config/limits.h"

namespace echodb {

/// How long a connection may stay in each of its states; see limits.h for the reasons.
struct ConnectionTimes {
  std::chrono::milliseconds header = limits::kHttpHeaderTimeout;
  std::chrono::milliseconds idle = limits::kHttpIdleTimeout;
  std::chrono::milliseconds scarce_header = limits::kHttpScarceHeaderTimeout;
  std::chrono::milliseconds scarce_idle = limits::kHttpScarceIdleTimeout;
  std::chrono::milliseconds body_window = limits::kHttpBodyWindow;
  std::chrono::milliseconds answer = limits::kHttpAnswerTimeout;
  std::chrono::milliseconds linger = limits::kHttpLingerTime;
};

/// Ends the connections of one server whose clients take too long. libmicrohttpd's own timeout is for silence, which
/// one byte now and then gets around. A connection's states:
///
///     ┌──────────────── answer sent ───────────────────────────────────────┐
///     ▼                                                                    │
///   Waiting ── header ──► Reading ── body ──► Working ── answer queued ──► Answering
///
///   Waiting    `header` in all for a client that is not trusted, `idle` for one that is; `scarce_…` while few
///              connections are free
///   Reading    `header` in all, or for a trusted client at least kHttpBodyBytesMin in every `body_window`
///   Working    as long as the request takes
///   Answering  `answer` in all; a trusted client may read as slowly as it likes
///
/// It ends one by shutdown(2), which wakes the thread that serves it. Any thread may call.
class ConnectionWatch {
 public:
  using Clock = std::chrono::steady_clock;
  enum class State { Waiting, Reading, Working, Answering };
  class Connection {
   public:
    Connection(int descriptor, std::string peer) : descriptor_(descriptor), peer_(std::move(peer)) {}
    [[nodiscard]] int descriptor() const { return descriptor_; }

   private:
    friend class ConnectionWatch;
    struct Progress {
      State state = State::Waiting;
      bool trusted = false;
      Clock::time_point since = Clock::now();
      std::uint64_t body_bytes = 0;  ///< in this window
      bool ended = false;
    };
    const int descriptor_;
    const std::string peer_;  ///< empty: loopback, or a Unix socket
    Progress progress_;       ///< guarded by the watch's mutex: only its of() gives it out
  };

  ConnectionWatch(ConnectionTimes times, unsigned connections_max);
  ~ConnectionWatch();
  ConnectionWatch(const ConnectionWatch&) = delete;
  ConnectionWatch& operator=(const ConnectionWatch&) = delete;

  /// Whether this address may have one more connection: it has not too many whose clients are not trusted.
  [[nodiscard]] bool admits(const sockaddr* address);
  /// The descriptor stays open until closed().
  Connection* opened(int descriptor, const sockaddr* address);
  void closed(Connection* connection);

  void enter(Connection& connection, State state);
  /// What the request that has just begun shows of its client.
  void trust(Connection& connection, bool trusted);
  void body_arrived(Connection& connection, std::uint64_t bytes);

  [[nodiscard]] const ConnectionTimes& times() const { return times_; }

 private:
  void watch(const std::stop_token& stop);
  void await_connection(const std::stop_token& stop);
  void end_late_ones();
  [[nodiscard]] bool is_late(Connection::Progress& progress, bool scarce, Clock::time_point now) const
      ECHODB_REQUIRES(mutex_);
  Connection::Progress& of(Connection& connection) const ECHODB_REQUIRES(mutex_) { return connection.progress_; }
  const Connection::Progress& of(const Connection& connection) const ECHODB_REQUIRES(mutex_) {
    return connection.progress_;
  }

  const ConnectionTimes times_;
  const unsigned connections_max_;
  Mutex mutex_;
  Condition changed_;
  std::list<Connection> connections_ ECHODB_GUARDED_BY(mutex_);
  std::jthread thread_;  // last: it uses the members above
};

}  // namespace echodb
