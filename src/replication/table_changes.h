#pragma once

#include <optional>
#include <string>

#include "replication/ddl_message.h"
#include "replication/table_failures.h"

namespace echodb {

/// What the source has done to a table as a whole is done to its target: creations, changes of its schema, renames,
/// TRUNCATE, and what is to be copied again because of them.
class TableChanges {
 public:
  TableChanges(TableTools& tools, TableCopies& copies, TableFailures& failures)
      : tools_(tools), parts_(tools.parts), copies_(copies), failures_(failures) {}

  void created(const TableMessage& message, const TableVersion& version);
  struct Command {
    std::string tag;
    Lsn floor;  ///< if it takes a new copy: changes up to here are in what the copy sees, or undone
  };
  /// REQUIRES: the table is followed.
  void changed(MirroredTable& table, TableVersion version, const Command& command);
  /// Rows from between this and the copy that heals the table may be read again after that.
  void changed_while_stopped(MirroredTable& table, const TableVersion& version);
  void truncated(MirroredTable& table, Lsn lsn);
  /// Copies the table again because someone asked for it, or because it had stopped. No lock was held when the message
  /// was written, so a transaction that changed the table before it may commit after it: the floor stays where it is.
  void resync(MirroredTable& table, const TableVersion& version);
  /// The table was in no publication for a while: what was changed meanwhile is not in the log. Whoever is still
  /// writing to it now began before it was published, so the copy waits for them.
  void published_again(MirroredTable& table, const TableVersion& version);

 private:
  void create(MirroredTable& table, const TableVersion& version, bool empty);
  void alter(MirroredTable& table, const TableVersion& version, SchemaChange change, const std::string& tag);
  [[nodiscard]] SchemaTask::Step rebuild(const MirroredTable& table, std::vector<ColumnRename> key_renames) const;
  void make_way(const TableVersion& version);
  void rename(MirroredTable& table, const TableVersion& version);
  void rename_target(MirroredTable& table, const std::string& name, const std::string& detail);

  TableTools& tools_;
  const TableParts& parts_;
  TableCopies& copies_;
  TableFailures& failures_;
};

}  // namespace echodb
