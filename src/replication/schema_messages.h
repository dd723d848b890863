#pragma once

#include "replication/table_changes.h"

namespace echodb {

/// Messages of our triggers find the table that they concern, or make it. One that is read again changes nothing, and
/// one of a kind that the table's phase has no use for is left alone.
class SchemaMessages {
 public:
  struct Units {
    TableSteps& steps;
    TableCopies& copies;
    TableTypes& types;
    TableChanges& changes;
    TableDrops& drops;
    TableFailures& failures;
    BesideLanes& beside;
  };
  SchemaMessages(const TableParts& parts, const Units& units) : parts_(parts), units_(units) {}

  /// The message stands at this position of the log.
  void apply(const DdlMessage& message, Lsn lsn);

 private:
  void on(const TableMessage& message, Lsn lsn);
  void on(const DropMessage& message, Lsn lsn);
  void on(const RewriteMessage& message, Lsn lsn);
  void on(const UnwatchMessage& message, Lsn lsn);
  void on(const LostMessage& message, Lsn lsn);
  void on(const RecopyMessage& message, Lsn lsn);
  void on(const RefusedMessage& message, Lsn lsn);
  void changed(MirroredTable& table, const TableMessage& message, TableVersion version);

  const TableParts& parts_;
  Units units_;
};

}  // namespace echodb
