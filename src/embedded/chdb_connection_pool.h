#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "embedded/chdb_connection.h"

namespace echodb {

/// Connections without a trace of an earlier request, by their current database. A connection comes back only when
/// its request left nothing behind; any other is closed, since opening one costs a tenth of a millisecond, and what a
/// failed statement has left in it would be seen by the next request.
class ChdbConnectionPool {
 public:
  static constexpr std::size_t kIdlePerDatabaseMax = 16;

  /// Starts the engine. `arguments` are those of every connection.
  ChdbConnectionPool(const ChdbLibrary& library, std::vector<std::string> arguments);
  ChdbConnectionPool(const ChdbConnectionPool&) = delete;
  ChdbConnectionPool& operator=(const ChdbConnectionPool&) = delete;

  /// Throws chdb_error() when there is no such database.
  std::unique_ptr<ChdbConnection> take(const std::string& database);
  void give_back(const std::string& database, std::unique_ptr<ChdbConnection> connection);

  /// Runs a statement of our own on the connection that is always open; one at a time.
  std::string control(std::string_view sql);

 private:
  const ChdbLibrary& library_;
  const std::vector<std::string> arguments_;
  std::mutex control_mutex_;
  // Closing the last connection would stop the engine, so this one outlives the others.
  ChdbConnection control_;

  std::mutex mutex_;
  std::map<std::string, std::vector<std::unique_ptr<ChdbConnection>>> idle_;  // protected by mutex_
};

}  // namespace echodb
