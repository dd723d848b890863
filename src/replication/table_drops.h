#pragma once

#include "replication/healing_schedule.h"
#include "replication/table_copies.h"
#include "replication/table_types.h"

namespace echodb {

/// What is dropped in the source is dropped in the target: now, or when it can be.
class TableDrops {
 public:
  struct Units {
    TableSteps& steps;
    TableCopies& copies;
    TableTypes& types;
    HealingSchedule& healing;
    TableCounters& counters;
  };
  TableDrops(const TableParts& parts, const Units& units) : parts_(parts), units_(units) {}

  void drop(MirroredTable& table, Lsn lsn);
  /// The step that drops the target of a dropped table.
  void push(MirroredTable& table);
  /// The drop failed for good: it is on record that the target is still there, and it is dropped when its time has
  /// come.
  void failed(MirroredTable& table, const Error& error);
  /// Forgets what no replay needs any more: snapshots of copies, tables that are dropped.
  void forget_old(Lsn confirmed);

 private:
  const TableParts& parts_;
  Units units_;
};

}  // namespace echodb
