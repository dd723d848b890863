#pragma once

#include <string>
#include <vector>

#include "replication/table_steps.h"
#include "replication/target_steps.h"

namespace echodb {

/// The names of targets. One whose rename has not been done may still have an earlier name; which ones it may have is
/// on record until a step has given the target the name that it is to have.
class TableNames {
 public:
  TableNames(const TableParts& parts, TableSteps& steps) : parts_(parts), steps_(steps) {}

  /// The names of which the target has one, if its last rename was not done, the oldest first; none otherwise. A name
  /// that another table is to have by now is among them until this one has given it up on record: that table waits for
  /// it.
  [[nodiscard]] static std::vector<std::string> take_earlier(MirroredTable& table);
  /// Whoever takes a name makes room for itself: what another table still had under it is gone.
  void taken(const MirroredTable& by);
  /// A part of a step that renames the target. Should the step not be done, the table's next copy ends with it, and
  /// waits then for whom this one had to wait for. The step that puts the failure on record waits for nobody: others
  /// wait for it.
  void then_rename(MirroredTable& table, SchemaTask& task, std::vector<std::string> from);
  /// The table has taken a name that the tables of these lanes had: its next step that makes, renames or drops a target
  /// waits until they have given the name up, and so have others before them.
  void take_after(MirroredTable& table, const Lanes& earlier);
  /// The table has given this name up by a step that is in its lane. One that had it on record already, since it
  /// stopped before it could take it, waits for that.
  void given_up(const MirroredTable& by, const std::string& name);
  /// The step waits for all that the table has to wait for; returns what that is.
  std::vector<LanePlace> await(MirroredTable& table, SchemaTask& task);

  /// What a step that was not done leaves to the table's next one of its kind.
  struct Left {
    std::vector<std::string> names;  ///< the target may have one of them
    std::vector<LanePlace> awaited;
  };
  void left(Oid oid, const Left& by_step);
  /// By a drop that ClickHouse has refused. A target that is kept is not among it.
  [[nodiscard]] Left left_by_drop(Oid oid) const;
  /// A step that takes away what another table has left under this one's name.
  [[nodiscard]] SchemaTask::Step make_room(const MirroredTable& table) const;
  /// How what is in a target's place is treated now.
  [[nodiscard]] CreateOptions options() const;
  /// Renames that an earlier run had begun and may not have ended, before all other steps: who is to have such a name
  /// next waits. Not to a name that another table still has on record.
  void finish_renames();

 private:
  void finish_rename(MirroredTable& table);

  const TableParts& parts_;
  TableSteps& steps_;
};

}  // namespace echodb
