#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/steady_clock.h"
#include "clickhouse/target_client.h"
#include "replication/bookmark.h"
#include "replication/broken_parts.h"
#include "replication/lane_task.h"

namespace echodb {

/// One table of the target database.
struct FoundTable {
  std::string uuid;              ///< another one when the table was made anew; empty where the server gives none
  std::string bookmark_uuid;     ///< the bookmark's: with another one, the whole database was made anew, or moved
  bool may_empty = false;        ///< by itself: it has a TTL, or merges that remove deleted rows
  std::uint64_t rows = 0;        ///< in its parts, deleted ones included
  std::int64_t first_block = 0;  ///< of its parts; each insert has one, by rising number
  std::int64_t last_block = 0;
};

/// What a look at the target database says of rows that were acknowledged and may be gone.
struct TargetFindings {
  std::string loss = {};  ///< why the target is not the one that this run writes to; then nothing else is known
  std::vector<BrokenParts> broken = {};
  std::map<std::string, FoundTable> tables = {};  ///< by name
};

/// Somebody else may drop or empty a target table, or put another database in its place, at any time; and ClickHouse
/// sets parts aside that it cannot read whenever it starts. This looks now and then. Any thread may call.
class TargetWatch {
 public:
  TargetWatch(std::string database, ServerVersion server)
      : database_(std::move(database)), server_(std::move(server)) {}

  /// What is there now.
  TargetFindings look(TargetClient& clickhouse);
  /// The same for take(); broken parts are looked for only if the server has started anew since the last look.
  void look_again(TargetClient& clickhouse, const BookmarkKeeper& bookmark);
  /// The last look has found something that nobody has taken yet.
  [[nodiscard]] bool is_waited_for();
  /// What the last look found, once.
  [[nodiscard]] std::optional<TargetFindings> take();

 private:
  const std::string database_;
  const ServerVersion server_;
  Mutex mutex_;
  /// The server, or later: of the last look that ended.
  SteadyClock::time_point up_since_ ECHODB_GUARDED_BY(mutex_);
  std::optional<TargetFindings> found_ ECHODB_GUARDED_BY(mutex_);
};

/// A look from a lane, so that a slow ClickHouse does not hold up the stream's thread. The bookmark's lane: what is
/// stored there and what is looked at must not meet.
class TargetWatchTask final : public LaneTask {
 public:
  TargetWatchTask(TargetWatch& watch, const BookmarkKeeper& bookmark) : watch_(watch), bookmark_(bookmark) {}
  void run(WriterTools& tools) override { watch_.look_again(tools.clickhouse, bookmark_); }

 private:
  TargetWatch& watch_;
  const BookmarkKeeper& bookmark_;
};

}  // namespace echodb
