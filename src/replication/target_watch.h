#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "clickhouse/target_client.h"
#include "replication/broken_parts.h"
#include "replication/lane_task.h"

namespace echodb {

/// What a look at the target database says of rows that were acknowledged and may be gone.
struct TargetFindings {
  std::vector<BrokenParts> broken;
  std::set<std::string> tables;  ///< the names of those that are there
};

/// Somebody else may drop a target table, or put another database in its place, at any time; and ClickHouse sets parts
/// aside that it cannot read whenever it starts. This looks now and then. Any thread may call.
class TargetWatch {
 public:
  explicit TargetWatch(std::string database) : database_(std::move(database)) {}

  /// What is there now.
  TargetFindings look(TargetClient& clickhouse);
  /// The same for take(); broken parts are looked for only if the server has started anew since the last look.
  void look_again(TargetClient& clickhouse);
  /// What the last look found, once.
  [[nodiscard]] std::optional<TargetFindings> take();

 private:
  const std::string database_;
  std::mutex mutex_;
  // Guarded by the mutex.
  std::chrono::steady_clock::time_point up_since_;  ///< the server, or later: of the last look that ended
  std::optional<TargetFindings> found_;
};

/// A look from a lane, so that a slow ClickHouse does not hold up the stream's thread.
class TargetWatchTask final : public LaneTask {
 public:
  explicit TargetWatchTask(TargetWatch& watch) : watch_(watch) {}
  void run(WriterTools& tools) override { watch_.look_again(tools.clickhouse); }

 private:
  TargetWatch& watch_;
};

}  // namespace echodb
