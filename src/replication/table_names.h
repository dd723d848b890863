#pragma once

#include <optional>
#include <string>
#include <vector>

#include "replication/table_steps.h"

namespace echodb {

/// The names of targets. One whose rename has not been done may still have an earlier name; which ones it may have is
/// on record until a step has given the target the name that it is to have.
class TableNames {
 public:
  TableNames(const TableParts& parts, TableSteps& steps) : parts_(parts), steps_(steps) {}

  /// The names of which the target has one, if its last rename was not done; none otherwise. A name that another table
  /// is to have by now is among them until this one has given it up on record: that table waits for it.
  [[nodiscard]] static std::vector<std::string> take_earlier(MirroredTable& table);
  /// Whoever takes a name makes room for itself: what another table still had under it is gone.
  void taken(const MirroredTable& by);
  /// A part of a step that renames the target. `awaited`: where another one gives that name up. Should the step not be
  /// done, the table's next copy ends with it, and waits then for whom this one had to wait for. The step that puts the
  /// failure on record waits for nobody: others wait for it.
  void then_rename(MirroredTable& table, SchemaTask& task, std::vector<std::string> from,
                   std::optional<LanePlace> awaited = {});
  /// Renames that an earlier run had begun and may not have ended, before all other steps: who is to have such a name
  /// next waits.
  void finish_renames();

 private:
  const TableParts& parts_;
  TableSteps& steps_;
};

}  // namespace echodb
