#pragma once

#include "replication/table_copies.h"

namespace echodb {

/// What is dropped in the source is dropped in the target: now, or when it can be.
class TableDrops {
 public:
  TableDrops(TableTools& tools, TableCopies& copies) : tools_(tools), parts_(tools.parts), copies_(copies) {}

  void drop(MirroredTable& table, Lsn lsn);
  /// The step that drops the target of a dropped table.
  void push(MirroredTable& table);
  /// The drop failed for good: it is on record that the target is still there, and it is dropped when its time has
  /// come.
  void failed(MirroredTable& table, const Error& error);
  /// A step before the drop failed for good: the drop comes next. If it has to wait for others, it is on record first:
  /// they may wait for this lane.
  void not_reached(MirroredTable& table, const Error& error);
  /// Forgets what no replay needs any more: snapshots of copies, tables that are dropped.
  void forget_old(Lsn confirmed);

 private:
  void put_on_record(MirroredTable& table, const Error& error);

  TableTools& tools_;
  const TableParts& parts_;
  TableCopies& copies_;
};

}  // namespace echodb
