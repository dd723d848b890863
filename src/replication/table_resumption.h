#pragma once

#include <map>

#include "replication/table_changes.h"
#include "replication/target_losses.h"

namespace echodb {

/// The start of a run: every table is brought to where an earlier one left it. Tables to create, copies to begin or to
/// go on with, steps to finish, tables to copy again because ClickHouse has lost rows of them.
class TableResumption {
 public:
  struct Units {
    TableSteps& steps;
    TableNames& names;
    TableCopies& copies;
    TableTypes& types;
    TableDrops& drops;
    TableFailures& failures;
    TargetLosses& losses;
    HealingSchedule& healing;
    TableCounters& counters;
  };
  TableResumption(const TableParts& parts, const Units& units) : parts_(parts), units_(units) {}

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
  void go_on(MirroredTable& table, const Left& left, Lsn source_position);
  void go_on_copying(MirroredTable& table, Lsn source_position);

  const TableParts& parts_;
  Units units_;
};

}  // namespace echodb
