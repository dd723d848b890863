#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "embedded/chdb_connection.h"

namespace echodb {

/// Sessions of `session_id`: a connection each, with its settings and temporary tables, kept between requests until
/// nobody has used it for its time. One request at a time, as in ClickHouse. There are kClickHouseSessionsMax at the
/// most: a new one takes the place of the idle one that has not been used for longest.
class ChdbSessions {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kTimeoutDefault{60};
  static constexpr std::chrono::seconds kTimeoutMax{3600};

  struct Request {
    std::string id;
    std::chrono::seconds timeout = kTimeoutDefault;
    bool must_exist = false;  ///< session_check
  };

  /// The session's connection, or nullptr for a new session, which give_back() then makes. Throws SESSION_NOT_FOUND
  /// and SESSION_IS_LOCKED, and TOO_MANY_SIMULTANEOUS_QUERIES when every session is at work.
  std::unique_ptr<ChdbConnection> take(const Request& request);
  void give_back(const Request& request, std::unique_ptr<ChdbConnection> connection);
  /// The request has left no connection to keep, or asked to close the session.
  void close(const Request& request);
  /// Closes the sessions whose time is over.
  void drop_expired() ECHODB_EXCLUDES(mutex_);

 private:
  struct Session {
    std::unique_ptr<ChdbConnection> connection;  // nullptr while a request has it
    Clock::time_point used;
    Clock::time_point expires;
  };
  using Sessions = std::map<std::string, Session>;
  [[nodiscard]] Sessions take_expired() ECHODB_REQUIRES(mutex_);
  [[nodiscard]] Sessions make_room() ECHODB_REQUIRES(mutex_);

  Mutex mutex_;
  Sessions sessions_ ECHODB_GUARDED_BY(mutex_);
};

}  // namespace echodb
