#pragma once

#include <string>
#include <vector>

#include "replication/memory_relief.h"
#include "replication/schema_messages.h"
#include "replication/table_resumption.h"

namespace echodb {

/// The life of a stream's tables: every event that concerns a table as a whole comes in here, is carried out by the
/// unit whose it is, and leaves a table that keeps its invariants (MirroredTable). The phases of a table are in
/// table_phase.h.
///
/// Runs on the stream's thread; what takes time becomes a step in the table's lane.
class TableLife {
 public:
  explicit TableLife(const TableParts& parts) : parts_(parts) {}
  TableLife(const TableLife&) = delete;
  TableLife& operator=(const TableLife&) = delete;

  /// Brings every table to where an earlier run left it.
  void resume(Lsn source_position, const TargetFindings& target, TargetClient& clickhouse);

  // What is read.
  void transaction_began(Xid xid) { recent_.began(xid); }
  void transaction_ended() { copies_.transaction_ended(); }
  /// A schema message at this position of the log.
  void apply(const DdlMessage& message, Lsn lsn);
  void truncated(MirroredTable& table, Lsn lsn);
  /// A change of this table cannot be decoded or accepted: the table stops here, everything else goes on.
  void fail(MirroredTable& table, const Error& error, Lsn lsn);

  // What became of what was to be written, and of copies.
  void lane_failed(const LaneEvent& event) { failures_.lane_failed(event); }
  void copy_event(const CopyEvent& event);
  void finish_copies() { copies_.finish(); }
  void heal() { failures_.heal(); }
  void forget_old(Lsn confirmed) { drops_.forget_old(confirmed); }

  [[nodiscard]] MemoryRelief& relief() { return relief_; }
  [[nodiscard]] TargetLosses& losses() { return losses_; }
  [[nodiscard]] const TableTypes& types() const { return types_; }
  [[nodiscard]] const HealingSchedule& healing() const { return healing_; }
  [[nodiscard]] const TableCounters& counters() const { return counters_; }

 private:
  // Each unit uses only those above it.
  TableParts parts_;
  TableCounters counters_;
  RecentTransactions recent_;
  HealingSchedule healing_;
  TargetInventory inventory_{{}, {}};
  BesideLanes beside_{parts_, recent_};
  TableTypes types_{parts_};
  TableSteps steps_{parts_, inventory_};
  TableNames names_{parts_, steps_};
  TableCopies copies_{parts_, {.steps = steps_, .names = names_, .healing = healing_, .recent = recent_}};
  TableDrops drops_{parts_,
                    {.steps = steps_, .copies = copies_, .types = types_, .healing = healing_, .counters = counters_}};
  TableFailures failures_{parts_,
                          {.steps = steps_,
                           .copies = copies_,
                           .types = types_,
                           .drops = drops_,
                           .healing = healing_,
                           .beside = beside_,
                           .counters = counters_}};
  MemoryRelief relief_{parts_, failures_};
  TargetLosses losses_{parts_, inventory_, copies_};
  TableChanges changes_{parts_,
                        {.steps = steps_,
                         .names = names_,
                         .copies = copies_,
                         .types = types_,
                         .failures = failures_,
                         .healing = healing_,
                         .counters = counters_}};
  SchemaMessages messages_{parts_,
                           {.steps = steps_,
                            .copies = copies_,
                            .types = types_,
                            .changes = changes_,
                            .drops = drops_,
                            .failures = failures_,
                            .beside = beside_}};
};

}  // namespace echodb
