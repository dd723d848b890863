#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "replication/lane_tasks.h"
#include "replication/table_parts.h"
#include "replication/target_inventory.h"

namespace echodb {

/// Makes the steps of tables that are not rows, and puts them into their lanes. What takes time is such a step, so that
/// it happens between the rows it belongs between and only that table waits.
class TableSteps {
 public:
  TableSteps(const TableParts& parts, TargetInventory& inventory) : parts_(parts), inventory_(inventory) {}

  /// A step after which the table is on record as it is now, with this version, if one is given. `event`: of the
  /// journal; empty: no entry.
  [[nodiscard]] std::unique_ptr<SchemaTask> make(const MirroredTable& table, const TableVersion* version,
                                                 std::string event, std::string detail = {}) const;
  /// The step makes up for what the table owes.
  void push(MirroredTable& table, std::unique_ptr<SchemaTask> task);
  /// The catalog may have no row of the table, although it is mirrored: somebody deleted it.
  void put_on_record(const MirroredTable& table);

  /// Steps that alter the table that is written to. `takes_columns`: one of them renames or drops a column.
  void alter_target(SchemaTask& task, const MirroredTable& table, std::vector<std::string> statements,
                    bool takes_columns) const;

  /// A step before whatever replaces, renames or empties the table that copies write into: rows of theirs that came
  /// afterwards would be in somebody else's table, or in one where they are not to be any more.
  [[nodiscard]] SchemaTask::Step drain_copies(const MirroredTable& table) const;
  /// For a step: the next copy of the table begins with its first row.
  [[nodiscard]] std::function<void()> forget_ranges(const MirroredTable& table) const;

 private:
  const TableParts& parts_;
  TargetInventory& inventory_;
};

}  // namespace echodb
