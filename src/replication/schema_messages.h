#pragma once

#include "replication/table_changes.h"

namespace echodb {

/// Messages of our triggers find the table that they concern, or make it. One that is read again changes nothing, and
/// one of a kind that the table's phase has no use for is left alone.
class SchemaMessages {
 public:
  SchemaMessages(TableTools& tools, TableCopies& copies, TableDrops& drops, TableFailures& failures,
                 TableChanges& changes)
      : tools_(tools), parts_(tools.parts), copies_(copies), drops_(drops), failures_(failures), changes_(changes) {}

  /// The message stands at this position of the log.
  void apply(const DdlMessage& message, Lsn lsn);

 private:
  void on(const TableMessage& message, Lsn lsn);
  void on(const DropMessage& message, Lsn lsn);
  void on(const RewriteMessage& message, Lsn lsn);
  void on(const UnwatchMessage& message, Lsn lsn);
  void on(const LostMessage& message, Lsn lsn);
  void on(const RecopyMessage& message, Lsn lsn);
  void on(const TypeChangedMessage& message, Lsn lsn);
  void on(const RefusedMessage& message, Lsn lsn);
  void read_again(const MirroredTable& table, const TableMessage& message, Lsn lsn);
  static bool awaits_another(const MirroredTable& table, const TableMessage& message, Lsn lsn);
  void changed(MirroredTable& table, const TableMessage& message, TableVersion version);

  TableTools& tools_;
  const TableParts& parts_;
  TableCopies& copies_;
  TableDrops& drops_;
  TableFailures& failures_;
  TableChanges& changes_;
};

}  // namespace echodb
