#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "clickhouse/client.h"
#include "replication/lane_task.h"

namespace echodb {

/// Parts of one target table that ClickHouse has set aside because it cannot read them: rows that were acknowledged and
/// are not there any more. A power cut, a disk that was full, a broken disk. What an operator detaches has no such
/// reason. They go with the table that has them, so a table that was copied again has none.
struct BrokenParts {
  std::string table;  ///< the target's name
  std::uint64_t count = 0;
  std::string first;  ///< the name of one
  std::string reason;

  /// For the log and the journal.
  [[nodiscard]] std::string words() const;
};

/// By table, those of the database that have any; none where the server does not tell.
std::vector<BrokenParts> find_broken_parts(ClickHouseClient& clickhouse, const std::string& database);

/// ClickHouse looks at its parts when it starts, which it may do at any time: this notices that it did, and looks for
/// what it set aside. Any thread may call.
class BrokenPartsWatch {
 public:
  explicit BrokenPartsWatch(std::string database) : database_(std::move(database)) {}

  /// What is there now.
  std::vector<BrokenParts> look(ClickHouseClient& clickhouse);
  /// Looks if the server has started anew since the last look; what it finds is for take().
  void look_after_restart(ClickHouseClient& clickhouse);
  [[nodiscard]] std::vector<BrokenParts> take();

 private:
  const std::string database_;
  std::mutex mutex_;
  // Guarded by the mutex.
  std::uint64_t uptime_ = 0;  ///< of the server, at the last look
  std::vector<BrokenParts> found_;
};

/// The same from a lane, so that a slow ClickHouse does not hold up the stream's thread.
class BrokenPartsTask final : public LaneTask {
 public:
  explicit BrokenPartsTask(BrokenPartsWatch& watch) : watch_(watch) {}
  void run(WriterTools& tools) override;

 private:
  BrokenPartsWatch& watch_;
};

}  // namespace echodb
