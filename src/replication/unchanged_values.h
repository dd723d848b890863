#pragma once

#include <span>

#include "replication/insert_completion.h"

namespace echodb {

/// Gives the toasted values that UPDATEs did not touch to their rows, from the first place that has them:
///
///   1. an earlier version of the row in this batch, when the stream has brought it,
///   2. the row in ClickHouse, where every earlier batch of the table is in already, unless its key has changed,
///   3. the row that the source has under its key.
///
/// What 2 and 3 give may be newer than the change, or another row's: the log may be read again after a crash, and a
/// copy and the source are ahead of us. That does no harm: the change that put it under this key follows in the log,
/// its version wins, and as the last one of the key it finds the right value. So a value that was looked up is never
/// handed on to another key: after a change of the key the source is asked under the new one.
/// A row that the source does not have has been deleted or has got another key since; the change that did so follows
/// too, and this version is left out: its mark in `keep` becomes false. Never is a default or NULL put in the value's
/// place.
void fill_unchanged_values(TableBatch& batch, const InsertTask::Target& target, WriterTools& tools,
                           std::vector<bool>& keep);

/// Gives these columns' missing values to their rows by 3 alone. REQUIRES: the table has a key.
void read_values_by_key(TableBatch& batch, std::span<const std::size_t> columns, WriterTools& tools,
                        std::vector<bool>& keep);

}  // namespace echodb
