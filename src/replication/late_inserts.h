#pragma once

#include "clickhouse/table_ddl.h"
#include "clickhouse/target_client.h"

namespace echodb {

// An INSERT of an earlier run, or one whose answer was lost, may be at work when a column gets another name or goes.
// ClickHouse takes the columns of an INSERT when it begins, and the part that it writes counts as newer than the ALTER
// when it ends later: what it has for a renamed column is read as NULL from then on, and what it has for a dropped one
// would be read as the values of the next column with that name. So such an ALTER stands between these two. Both are
// safe to repeat, and throw TargetOverloaded while they have to be.

/// Returns when nobody inserts into the table.
void await_inserts(TargetClient& clickhouse, const TargetTable& table);

/// Throws TargetRejected when a part of the table has a column that the table does not have: it has to be copied again.
void require_no_late_parts(TargetClient& clickhouse, const TargetTable& table);

}  // namespace echodb
