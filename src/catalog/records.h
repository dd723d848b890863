#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "catalog/table_state.h"
#include "postgres/server_version.h"
#include "postgres/table_schema.h"

namespace echodb {

/// A stream: one slot, one publication, all the automatic mirrors of a source.
struct StreamRecord {
  std::string name;
  std::string slot;
  std::string publication;
  std::string system_identifier;  ///< of the source's cluster: tells a restored or replaced one
  Lsn consistent;                 ///< where the slot began
  Lsn applied;                    ///< everything before it is in ClickHouse
  std::uint32_t timeline = 0;     ///< of the source now; not stored
  bool failed_over = false;       ///< to another timeline since the last run; not stored
  std::string remake = {};        ///< why the slot has to be made again, with a copy of every table; empty: it has not
  std::string remade = {};        ///< why it was made again the last time; empty: it never was
  std::string created = {};       ///< when, in UTC; set by find_stream()
  std::string target_id = {};     ///< the target's own; empty: it has none yet
  std::uint64_t target_number = 0;  ///< of a bookmark that the target has acknowledged
  bool as_text = false;             ///< values come as text, because some have no binary form

  [[nodiscard]] ValueFormat format(int server_version) const {
    return as_text || !streams_bytes_and_messages(server_version) ? ValueFormat::Text : ValueFormat::Binary;
  }
};

/// A schema a table has had, from a log position on.
struct TableVersion {
  Lsn lsn;
  TableSchema schema;
  std::string snapshot;  ///< the JSON it was read from
  /// Not in the target yet, or only in part: the statements that bring it there, as PendingSteps::text() has them.
  std::string pending = {};
};

/// What brings a target from one schema to the next. Stored before the first step: a process that is killed between
/// two of them leaves a target that is neither the old nor the new one.
struct PendingSteps {
  bool recopy = false;                  ///< the steps cannot be repeated: the table has to be copied again
  std::vector<std::string> statements;  ///< for ClickHouse; each safe to repeat

  [[nodiscard]] std::string text() const;
  static PendingSteps parse(const std::string& text);
};

/// A column that got another type, because a value that its own cannot hold came: see Column::width.
struct WidenedColumn {
  std::int16_t attnum = 0;
  Lsn since;  ///< where that value stands in the log; of a value met while copying, how far the stream was
  ColumnWidth width = ColumnWidth::Text;
};

/// What a worker's leadership rests on; see control/leadership_lock.h.
struct LeaderClaim {
  std::array<std::string, 2> sessions;      ///< that hold its lock in turn: "pid start", as the server has them
  bool direct = false;                      ///< no proxy between it and the server can close them in its place
  std::chrono::milliseconds lease_lasts{};  ///< after the last renewal: it writes no longer
};

/// An earlier epoch that nobody has ended: its worker may still write, unless something else shows that it cannot.
struct OpenEpoch {
  std::uint64_t number = 0;
  std::string worker;
  std::string process;                ///< the mark of its process: see base/process_identity.h
  std::vector<std::string> sessions;  ///< as in LeaderClaim; none in the row of an earlier version
  bool direct = false;                ///< as in LeaderClaim
  bool has_sessions = false;          ///< the server has a process of one of their pids
  std::chrono::milliseconds lease_lasts{};
};

/// As of one look.
struct OpenEpochs {
  std::vector<OpenEpoch> epochs;
  std::string endings;  ///< how many sessions of this database the server has ended itself: see session_endings()
};

/// One worker's leadership in the catalog.
struct Epoch {
  std::uint64_t number = 0;
  std::string predecessor;  ///< who led before; empty: nobody
  bool resigned = true;     ///< the one before, or its own last run, has everything acknowledged that it ever sent
  std::uint32_t runs = 0;   ///< of the stream, in this epoch
};

struct TableRecord {
  Oid oid = 0;
  std::string target_name;
  TableState state = TableState::Pending;
  Lsn floor;  ///< changes and schema changes before it are done with: their effect is in the target, or was undone
  std::optional<Lsn> dropped;
  std::optional<Lsn> types_changed;  ///< where the last transaction ended that changed what its rows show, not them
  std::optional<Lsn> copy_begun;     ///< where its last copy was begun: that one has all that was committed before
  std::string copy_snapshot;         ///< xmin:xmax:xip of a keyless table's copy; empty: none, or no longer needed
  std::optional<Lsn> copied;         ///< with copy_snapshot: everything that it sees was committed before
  std::vector<std::string> earlier_names;  ///< the target may still have one of these; empty: it has `target_name`
  bool emptying = false;                   ///< a TRUNCATE up to `floor` was begun, and may not have been done
  bool shadow = false;                     ///< rows go to the shadow table until it is exchanged with the target
  std::uint64_t rows_copied = 0;
  std::vector<WidenedColumn> widened_columns;  ///< of each column one at the most
  std::string error;
  std::optional<Lsn> error_lsn;
  std::vector<TableVersion> versions;  ///< by rising lsn
  bool target_kept = false;            ///< its target is still what TargetNote says; not stored
};

/// Marks the columns of the schema that got another type.
void mark_widened(const TableRecord& record, TableSchema& schema);

/// What the target of a table was when it was last looked at.
struct TargetNote {
  std::string uuid;              ///< ClickHouse's own; empty where it gives none
  std::string bookmark_uuid;     ///< of the bookmark in the same database
  std::int64_t last_block = -1;  ///< the highest number of an insert among its parts; -1: it had none
};

/// A check of a table, as it is kept: see verify/check_report.h.
struct CheckRecord {
  Oid oid = 0;
  std::string table;  ///< schema.name at the time
  std::string mode;
  std::string result;  ///< equal, different, unknown
  Lsn position;
  std::uint64_t rows_compared = 0;
  std::uint64_t mismatched = 0;
  std::uint64_t duration_ms = 0;
  std::string report;  ///< all of it, as JSON
};

/// Heap blocks [first_block, end_block) of one relation.
struct CopyRange {
  std::uint64_t copy = 0;  ///< whose range it is: a random number, the same for all that were cut together
  int number = 0;
  Oid relation = 0;
  Oid relfilenode = 0;
  std::uint64_t first_block = 0;
  std::optional<std::uint64_t> end_block;  ///< nullopt: all that follow
  bool done = false;
  std::uint64_t rows = 0;
};

}  // namespace echodb
