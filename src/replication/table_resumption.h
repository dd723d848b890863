#pragma once

#include <map>

#include "replication/table_changes.h"
#include "replication/target_losses.h"

namespace echodb {

/// The start of a run: every table is brought to where an earlier one left it. Tables to create, copies to begin or to
/// go on with, steps to finish, tables to copy again because ClickHouse has lost rows of them.
class TableResumption {
 public:
  TableResumption(TableTools& tools, TableCopies& copies, TableDrops& drops, TableFailures& failures,
                  TargetLosses& losses)
      : tools_(tools), parts_(tools.parts), copies_(copies), drops_(drops), failures_(failures), losses_(losses) {}

  /// `source_position`: where the source's log ends.
  void run(Lsn source_position, const TargetFindings& target, TargetClient& clickhouse);

 private:
  /// What an earlier run has left of a table.
  struct Left {
    bool exchanged = false;   ///< the copy's shadow has taken the target's place, and only the catalog does not know
    TargetTable holder = {};  ///< the name that the table has in ClickHouse by now
    bool completed = false;   ///< its columns' types had still to be put on record
  };
  [[nodiscard]] Left find_left(MirroredTable& table, const TargetFindings& target, TargetClient& clickhouse) const;
  [[nodiscard]] bool is_shadow_exchanged(const MirroredTable& table, TargetClient& clickhouse) const;
  void finish_steps(MirroredTable& table);
  void finish_emptying(MirroredTable& table);
  void go_on(MirroredTable& table, const Left& left, Lsn source_position);
  void go_on_copying(MirroredTable& table, Lsn source_position);

  TableTools& tools_;
  const TableParts& parts_;
  TableCopies& copies_;
  TableDrops& drops_;
  TableFailures& failures_;
  TargetLosses& losses_;
};

}  // namespace echodb
