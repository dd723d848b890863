#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <vector>

#include "catalog/records.h"
#include "replication/copy_visibility.h"
#include "replication/lane.h"
#include "replication/missing_value_size.h"
#include "replication/schema_change.h"
#include "replication/table_batch.h"

namespace echodb {

/// One schema a table has had, with what the stream needs to read rows written under it.
struct LiveVersion {
  TableVersion version;
  std::shared_ptr<const TablePlan> plan;                      ///< made when the first row needs it
  std::shared_ptr<const std::vector<std::size_t>> positions;  ///< made with the plan, from `published`
};

/// A command changed the table, and the log does not say how.
struct LostSchema {
  Lsn since;
  bool exclusive;  ///< the command kept other writers out: whatever was changed before it was committed before it
  /// Open until the copy that follows is on record: a worker that starts again must hear of the loss again.
  Watermark::Ticket ticket;
};

/// A mirrored table as the stream's thread sees it. Only that thread touches it.
struct MirroredTable {
  TableRecord record;                 ///< without versions: those are below
  std::vector<LiveVersion> versions;  ///< by rising LSN; never empty
  /// The columns of a streamed row, by the session's last Relation message; nullopt before the first.
  std::optional<std::vector<std::string>> published;
  std::shared_ptr<Lane> lane;          ///< its own
  std::shared_ptr<Lane> earlier_lane;  ///< of whoever had the target's name before: the first step waits for it
  std::vector<LanePlace> awaited;      ///< where others give up names that renames were to take: the next rename waits

  std::unique_ptr<TableBatch> open;  ///< rows read and not yet handed to the lane
  Watermark::Ticket open_ticket = 0;
  std::size_t open_bytes = 0;
  SteadyClock::time_point opened_at;
  SteadyClock::time_point last_sealed;

  std::shared_ptr<CopyGate> gate;  ///< a keyless table whose copy the stream has to tell apart; else null
  int plans = 0;                   ///< of its copy, that were thrown away
  std::uint64_t copy_job = 0;      ///< the copy whose events count
  std::optional<Lsn> copied_to;    ///< the copy is in and has seen everything up to here
  /// Held by the step that ends the copy: until it is closed, readers may not see the copied rows.
  std::optional<Watermark::Ticket> settling;
  /// Not empty: changes of the table were dropped, because memory was full of what nobody may write yet. The log has
  /// them still, behind these tickets, and is read again from there.
  std::vector<Watermark::Ticket> left_in_log;
  std::vector<Watermark::Ticket> owed;  ///< for the next step, which makes up for what they stand for
  bool drop_failed = false;             ///< its drop, or a step before it, failed for good
  std::optional<LostSchema> lost;       ///< what its schema is since then is being asked for
  Rewrite rewrite = Rewrite::None;      ///< the next schema message follows it

  std::shared_ptr<MissingValueSize> missing_value_size = std::make_shared<MissingValueSize>();
  std::uint64_t rows_applied = 0;

  [[nodiscard]] const TableSchema& schema() const { return versions.back().version.schema; }
  [[nodiscard]] std::string name() const { return schema().qualified_name(); }
  /// Rows are read and go somewhere.
  [[nodiscard]] bool followed() const {
    return record.state == TableState::Streaming || record.state == TableState::Copying;
  }
};

}  // namespace echodb
