#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <vector>

#include "catalog/records.h"
#include "replication/copy_visibility.h"
#include "replication/lane.h"
#include "replication/table_batch.h"

namespace echodb {

/// One schema a table has had, with what the stream needs to read rows written under it.
struct LiveVersion {
  TableVersion version;
  std::shared_ptr<const TablePlan> plan;                      ///< made when the first row needs it
  std::shared_ptr<const std::vector<std::size_t>> positions;  ///< made with the plan, from `published`
};

/// A mirrored table as the stream's thread sees it. Only that thread touches it.
struct MirroredTable {
  TableRecord record;                 ///< without versions: those are below
  std::vector<LiveVersion> versions;  ///< by rising LSN; never empty
  /// The columns of a streamed row, by the session's last Relation message; nullopt before the first.
  std::optional<std::vector<std::string>> published;
  std::shared_ptr<Lane> lane;

  std::unique_ptr<TableBatch> open;  ///< rows read and not yet handed to the lane
  Watermark::Ticket open_ticket = 0;
  std::size_t open_bytes = 0;
  std::chrono::steady_clock::time_point last_sealed;

  std::shared_ptr<CopyGate> gate;  ///< a keyless table whose copy the stream has to tell apart; else null
  std::uint64_t copy_job = 0;      ///< the copy whose events count
  std::optional<Lsn> copied_to;    ///< the copy is in and has seen everything up to here
  bool rewritten = false;          ///< the next schema message follows a rewrite

  std::uint64_t rows_applied = 0;

  [[nodiscard]] const TableSchema& schema() const { return versions.back().version.schema; }
  [[nodiscard]] std::string name() const { return schema().qualified_name(); }
  /// Rows are read and go somewhere.
  [[nodiscard]] bool followed() const {
    return record.state == TableState::Streaming || record.state == TableState::Copying;
  }
};

}  // namespace echodb
