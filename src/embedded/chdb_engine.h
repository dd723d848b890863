#pragma once

#include <string>
#include <vector>

#include "base/mutex.h"
#include "embedded/chdb_connection_pool.h"
#include "embedded/chdb_sessions.h"
#include "embedded/runner_threads.h"
#include "embedded/running_query_ids.h"

namespace echodb {

/// Everything the requests of one server share.
class ChdbEngine {
 public:
  /// Starts libchdb and creates `database` unless it is there.
  ChdbEngine(const ChdbLibrary& library, std::vector<std::string> arguments, const std::string& database);

  ChdbConnectionPool& pool() { return pool_; }
  ChdbSessions& sessions() { return sessions_; }
  RunnerThreads& runners() { return runners_; }
  RunningQueryIds& query_ids() { return query_ids_; }
  [[nodiscard]] const std::string& version() const { return version_; }
  [[nodiscard]] const std::string& timezone() const { return timezone_; }

  /// Asks what runs under this id, or everything, to end; it does when ClickHouse next looks. Calls that come at
  /// once become one statement.
  void kill(const std::string& query_id);
  void kill_all();

 private:
  ChdbConnectionPool pool_;
  Mutex kill_mutex_;
  std::vector<std::string> to_kill_ ECHODB_GUARDED_BY(kill_mutex_);  // query ids
  Mutex killing_mutex_;                                              // held while a KILL runs
  ChdbSessions sessions_;
  RunningQueryIds query_ids_;
  RunnerThreads runners_;
  std::string version_;
  std::string timezone_;
};

}  // namespace echodb
