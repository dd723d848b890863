#pragma once

#include <chrono>
#include <map>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "postgres/connection.h"
#include "postgres/lsn.h"

namespace echodb {

// The inventory: the tables that are watched, compared with those that are mirrored.
//
// Both lists are in the source and are read in one snapshot. They differ for good reasons too: the catalog follows the
// stream, so a table that was created a moment ago has no mirror before its message is read. A position tells the two
// apart. A look notes where the log ended; a difference that a later look finds as well, one that began when
// everything before that position had been applied, did not come from a message that was on its way. A message may
// lead to another one (a trigger that gave up on a lock has the table described later), so two such steps are asked
// for: three looks.
//
// Example: a look at 100 finds a table without a mirror. One at 150, begun with 90 applied, says nothing. One at 200,
// begun with 120 applied, is the second; one at 300, begun with 210 applied, is the third: the table is in error.

/// A table of which the two lists do not agree.
struct InventoryEntry {
  enum class Kind {
    NotMirrored,   ///< watched; there is no mirror
    NotPublished,  ///< watched and mirrored; changes do not arrive
    NotDescribed,  ///< watched and mirrored; it has other columns than the last message told of
    Waiting,       ///< watched and mirrored; something is to be set right that nobody misses
    NotWatched,    ///< mirrored; the table is there, but nobody wants it, or it cannot be followed
    Gone,          ///< mirrored; the table is not there
    LeftOut,       ///< watched and not mirrored, because it cannot be or by the policy for tables without a key
  };
  Oid oid = 0;
  std::string table;  ///< schema.name
  Kind kind = Kind::NotMirrored;
  std::string reason;    ///< a clause: "watched, but not mirrored: …"
  std::string evidence;  ///< what both sides show, where it may differ in many ways: other evidence, another difference
};

/// What the worker that reads the log can say beyond the slot's position, which one table's rows that do not get
/// through hold back for all: what was read is in the catalog of each table that has no step at work, a question to
/// the source included.
struct InventoryReading {
  Lsn end;  ///< of the last transaction read
  std::set<Oid> at_work;
};

/// One look at the source.
struct InventoryLook {
  Lsn applied;   ///< everything before it was in the catalog when the look began
  Lsn position;  ///< where the log ended after it
  bool is_stream_active = false;
  bool has_event_triggers = true;
  std::vector<InventoryEntry> entries;
  InventoryReading reading = {};  ///< as of when the look began; nothing, for all but that worker
};

struct InventorySource {
  std::string stream;
  std::string slot;
  bool with_waiting = false;  ///< also the tables of which nothing is amiss but what waits to be set right
};
/// Throws Error(SlotLost) when there is no slot; its position is what the catalog is judged by.
InventoryLook look_through_inventory(PostgresConnection& source, const InventorySource& of);

/// A difference and what is known of it by now.
struct JudgedTable {
  enum class State {
    Pending,  ///< may be on its way
    Error,    ///< nothing that is on its way explains it
    Waiting,  ///< no error, and to be set right
    LeftOut,  ///< on purpose
  };
  InventoryEntry entry;
  State state = State::Pending;
};

/// Decides which differences are errors, from look to look. Needs no server. One thread.
class InventoryJudge {
 public:
  using Clock = std::chrono::steady_clock;

  /// Without event triggers the log says nothing of a new table before the source is polled; a difference that is
  /// younger than two polls is no error there.
  explicit InventoryJudge(std::chrono::milliseconds catalog_poll) : catalog_poll_(catalog_poll) {}

  void add(const InventoryLook& look, Clock::time_point now);
  [[nodiscard]] std::vector<JudgedTable> tables() const;
  /// Another look may tell more.
  [[nodiscard]] bool is_undecided() const;

 private:
  struct Difference {
    InventoryEntry entry;
    Lsn position;   ///< of the last look that counted
    int looks = 1;  ///< that counted
    Clock::time_point since;
  };
  [[nodiscard]] JudgedTable::State state_of(const Difference& difference) const;

  std::chrono::milliseconds catalog_poll_;
  bool has_event_triggers_ = true;
  Clock::time_point looked_at_;
  std::map<std::pair<Oid, InventoryEntry::Kind>, Difference> differences_;
};

/// Looks until nothing is pending, for as long as that takes, but no longer than `patience`; where nobody reads the
/// slot, not at all long.
std::vector<JudgedTable> judge_inventory(PostgresConnection& source, const InventorySource& of,
                                         std::chrono::milliseconds catalog_poll, std::chrono::milliseconds patience,
                                         const std::stop_token& stop);

/// Has the log written out up to its end, so that an idle stream gets there.
void flush_log(PostgresConnection& source);

}  // namespace echodb
