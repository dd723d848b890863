#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "catalog/table_state.h"
#include "postgres/lsn.h"
#include "replication/copy_visibility.h"
#include "replication/schema_change.h"
#include "replication/watermark.h"

namespace echodb {

/// A command changed the table, and the log does not say how.
struct LostSchema {
  Lsn since;
  bool exclusive;  ///< the command kept other writers out: whatever was changed before it was committed before it
  /// Open until the copy that follows is on record: a worker that starts again must hear of the loss again.
  Watermark::Ticket ticket;
};

/// The phases in which a table's changes are read and go somewhere have this in common.
struct Followed {
  /// Rows that the copy of a table without a key has seen are left out: while it is made, and in the run after it until
  /// reading has come to `copied_to`.
  std::shared_ptr<CopyGate> gate;
  std::optional<Lsn> copied_to;     ///< the copy is in, and has seen everything up to here, which has still to be read
  std::optional<LostSchema> lost;   ///< what its schema is since then is being asked for
  Rewrite rewrite = Rewrite::None;  ///< the next schema message follows it
  /// Not empty: changes of the table were dropped, because memory was full of what nobody may write yet. The log has
  /// them still, behind these tickets, and is read again from there.
  std::vector<Watermark::Ticket> left_in_log;
};

/// Its target has still to be made, and its rows to be copied.
struct Pending {};

struct Copying : Followed {
  std::uint64_t job = 0;  ///< the copy whose events count; 0: none, until the event at work is over
};

struct Streaming : Followed {
  /// Held by the step that ends the copy: until it is closed, readers may not see the copied rows.
  std::optional<Watermark::Ticket> settling;
};

/// Nothing of it is read. Why, and since where, is on record (TableRecord::error); when it is tried again is in
/// HealingSchedule.
struct Stopped {};

struct Dropped {
  bool refused = false;  ///< its drop, or a step before it, failed for good
};

/// Where a table stands in its life, and what only a table that stands there has.
///
///   phase      on record  entered from          when
///   Pending    Pending                          setup has found the table
///   Copying    Copying    any but Dropped       its rows are to be read from the source, or read again
///   Streaming  Streaming  Copying               the copy is in; at once for a table that is born under our eyes
///   Stopped    Error      any but Dropped       a change of it cannot be decoded, encoded or accepted
///   Dropped    Dropped    any                   the source's DROP TABLE is read; a table made under the same oid, or
///                                               watched again, is another MirroredTable
///
/// The phase is of this run; on record is that of the table's last step that is done.
using TablePhase = std::variant<Pending, Copying, Streaming, Stopped, Dropped>;

TableState state_of(const TablePhase& phase);
/// Where a table stands that an earlier run has left so.
TablePhase phase_of(TableState state);

}  // namespace echodb
