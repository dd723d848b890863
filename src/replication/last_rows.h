#pragma once

#include "replication/table_batch.h"

namespace echodb {

/// Leaves of each key the batch's last row only, a tombstone maybe. ReplacingMergeTree would keep that one anyway:
/// versions rise, and of equal ones, which a transaction's changes have, the later row wins. But inside one block it
/// takes them in the order of a sort that is not stable for keys of several columns (seen with 26.7).
/// REQUIRES: the batch is complete.
void keep_last_rows(TableBatch& batch);

}  // namespace echodb
