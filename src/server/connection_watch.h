#pragma once

#include <sys/socket.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <thread>

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
  struct Connection {
    int descriptor;
    std::string peer;  ///< empty: loopback, or a Unix socket
    State state = State::Waiting;
    bool trusted = false;
    Clock::time_point since = Clock::now();
    std::uint64_t body_bytes = 0;  ///< in this window
    bool ended = false;
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
  void end_late_ones();
  [[nodiscard]] bool is_late(Connection& connection, bool scarce, Clock::time_point now) const;

  const ConnectionTimes times_;
  const unsigned connections_max_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::list<Connection> connections_;  // protected by mutex_, as is what is in them
  std::jthread thread_;                // last: it uses the members above
};

}  // namespace echodb
