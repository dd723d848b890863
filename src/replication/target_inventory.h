#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "catalog/stream_catalog.h"
#include "replication/lane.h"
#include "replication/lane_task.h"
#include "replication/table_registry.h"
#include "replication/target_watch.h"

namespace echodb {

/// What the targets of tables were when they were last looked at, so that one that somebody else has emptied, or made
/// anew, is noticed. Only the stream's thread calls.
///
/// A target's uuid changes, and its rows go, by steps of our own as well: creations, exchanges, rebuilds, TRUNCATE. So
/// a look counts for a table only if its lane was empty when the look was asked for, and no step came until its answer
/// was taken; and a step that may do so has what was known forgotten. The catalog forgets with the step's own
/// transaction (StreamCatalog::save_table). A step that was cut short may have run all the same, and comes again from
/// the log: what the catalog knows from before counts once the log has been read as far as it went at the start.
///
/// Two looks in a row have to find a loss: a server that is just starting may not show everything yet.
///
/// Inserts take numbers that rise. When no part is left of those that were there at the last look, by these numbers,
/// all that was there is gone, whatever came since. That is not a loss where merges may take rows away by themselves.
class TargetInventory {
 public:
  /// `judge_from`: where the source's log ended when the run began.
  TargetInventory(std::map<Oid, TargetNote> notes, Lsn judge_from)
      : noted_(std::move(notes)), judge_from_(judge_from) {}

  /// What is found of a table at the start is compared with what an earlier run noted, and what is found later with
  /// that.
  void begin(Oid table, const FoundTable& found);
  struct Step {
    bool target_kept = false;  ///< it neither replaces nor empties the target
  };
  /// A step that is no insert goes into the table's lane.
  void stepped(Oid table, Step step);
  /// A look is asked for, and everything before this position has been read.
  void look_begins(TableRegistry& registry, const LaneScheduler& lanes, Lsn read);

  struct Verdict {
    std::string loss = {};                ///< what somebody else did to the target; empty: nothing
    std::optional<TargetNote> note = {};  ///< what the catalog does not know yet
  };
  /// Of a table whose target that look has found.
  Verdict judge(Oid table, const FoundTable& found);

 private:
  [[nodiscard]] std::string loss_of(Oid table, const FoundTable& found) const;

  std::map<Oid, TargetNote> noted_;       ///< in the catalog, or on its way there
  std::map<Oid, TargetNote> known_;       ///< what was found when it was last in order
  std::map<Oid, std::string> suspected_;  ///< of having been lost while no run looked
  std::set<Oid> doubted_;                 ///< the last look found a loss
  std::set<Oid> at_rest_;                 ///< since the look was asked for
  Lsn judge_from_;
};

/// Notes it in the catalog. In the table's own lane, so that a step that comes later has it forgotten.
class TargetNoteTask final : public LaneTask {
 public:
  TargetNoteTask(StreamCatalog& catalog, std::string stream, Oid table, TargetNote note)
      : catalog_(catalog), stream_(std::move(stream)), table_(table), note_(std::move(note)) {}
  void run(WriterTools&) override { catalog_.save_target_note(stream_, table_, note_); }

 private:
  StreamCatalog& catalog_;
  std::string stream_;
  Oid table_;
  TargetNote note_;
};

}  // namespace echodb
