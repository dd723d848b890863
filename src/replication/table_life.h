#pragma once

#include <string>
#include <vector>

#include "replication/memory_relief.h"
#include "replication/schema_messages.h"
#include "replication/table_resumption.h"

namespace echodb {

/// The source as a run finds it, at one moment.
struct SourceMoment {
  Lsn end_of_log;
  Xid next_transaction = 0;  ///< none has this id yet
};

/// The life of a stream's tables: every event that concerns a table as a whole comes in here, is carried out by the
/// unit whose it is, and leaves a table that keeps its invariants (MirroredTable). The phases of a table are in
/// table_phase.h.
///
/// Runs on the stream's thread; what takes time becomes a step in the table's lane.
class TableLife {
 public:
  explicit TableLife(const TableParts& parts) : tools_(parts) {}
  TableLife(const TableLife&) = delete;
  TableLife& operator=(const TableLife&) = delete;

  /// Brings every table to where an earlier run left it.
  void resume(const SourceMoment& source, const TargetFindings& target, TargetClient& clickhouse);

  // What is read.
  void transaction_began(Xid xid) { tools_.recent.began(xid); }
  void transaction_ended(Lsn commit) { copies_.transaction_ended(commit); }
  /// Of a row of the table that showed otherwise when it was written than it does now.
  void shown_as_before(const MirroredTable& table) { copies_.ask_for_rows_as_before(table); }
  /// What everybody sees by now.
  void seen(const CopyVisibility& snapshot) { tools_.recent.seen(snapshot); }
  /// A schema message at this position of the log.
  void apply(const DdlMessage& message, Lsn lsn);
  void truncated(MirroredTable& table, Lsn lsn);
  /// A change of this table cannot be decoded or accepted: the table stops here, everything else goes on.
  void fail(MirroredTable& table, const Error& error, Lsn lsn);

  // What became of what was to be written, and of copies.
  void lane_failed(const LaneEvent& event);
  void copy_event(const CopyEvent& event);
  void finish_copies() { copies_.finish(); }
  void heal() { failures_.heal(); }
  void forget_old(Lsn confirmed) { drops_.forget_old(confirmed); }

  [[nodiscard]] MemoryRelief& relief() { return relief_; }
  [[nodiscard]] TargetLosses& losses() { return losses_; }
  [[nodiscard]] const TableTypes& types() const { return tools_.types; }
  [[nodiscard]] const BesideLanes& beside() const { return tools_.beside; }
  [[nodiscard]] const HealingSchedule& healing() const { return tools_.healing; }
  [[nodiscard]] const TableCounters& counters() const { return tools_.counters; }

 private:
  // Each unit uses only those above it.
  TableTools tools_;
  TableCopies copies_{tools_};
  TableDrops drops_{tools_, copies_};
  TableFailures failures_{tools_, copies_, drops_};
  MemoryRelief relief_{tools_, failures_};
  TargetLosses losses_{tools_, copies_};
  TableChanges changes_{tools_, copies_, failures_};
  SchemaMessages messages_{tools_, copies_, drops_, failures_, changes_};
};

}  // namespace echodb
