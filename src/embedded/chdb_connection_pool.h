#pragma once

#include <list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "embedded/chdb_connection.h"

namespace echodb {

/// The statement that puts settings, of which there is at least one, in force.
std::string set_statement(const ConnectionSettings& settings);

/// What a connection brings to a request.
struct ConnectionState {
  std::string database;
  ConnectionSettings settings;
  friend bool operator==(const ConnectionState&, const ConnectionState&) = default;
};

/// Connections without a trace of an earlier request but the state that the next one wishes for as well. A connection
/// comes back only when its request left nothing else behind; any other is closed, since what a failed statement has
/// left in it would be seen by the next request. Clients repeat their settings with every request: to open a connection
/// and to set them anew would cost as much as a small statement.
class ChdbConnectionPool {
 public:
  static constexpr std::size_t kIdleMax = 32;

  /// Starts the engine. `arguments` are those of every connection.
  ChdbConnectionPool(const ChdbLibrary& library, std::vector<std::string> arguments);
  ChdbConnectionPool(const ChdbConnectionPool&) = delete;
  ChdbConnectionPool& operator=(const ChdbConnectionPool&) = delete;

  /// Throws chdb_error() when there is no such database or setting.
  std::unique_ptr<ChdbConnection> take(const ConnectionState& state);
  /// In the state in which it was taken. The one that has been idle for longest makes room.
  void give_back(ConnectionState state, std::unique_ptr<ChdbConnection> connection);

  /// Runs a statement of our own on the connection that is always open; one at a time.
  std::string control(std::string_view sql);

 private:
  struct Idle {
    ConnectionState state;
    std::unique_ptr<ChdbConnection> connection;
  };
  std::unique_ptr<ChdbConnection> take_idle(const ConnectionState& state);

  const ChdbLibrary& library_;
  const std::vector<std::string> arguments_;
  Mutex control_mutex_;
  // Closing the last connection would stop the engine, so this one outlives the others.
  ChdbConnection control_ ECHODB_GUARDED_BY(control_mutex_);

  Mutex mutex_;
  std::list<Idle> idle_ ECHODB_GUARDED_BY(mutex_);  // the latest first
};

}  // namespace echodb
