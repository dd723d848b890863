#pragma once

#include "replication/insert_completion.h"

namespace echodb {

/// Gives the toasted values that UPDATEs did not touch to their rows, from the first place that has them:
///
///   1. an earlier version of the row in this batch,
///   2. the row in ClickHouse, where every earlier batch of the table is in already,
///   3. the row in the source.
///
/// What 2 and 3 give may be newer than the change: the log may be read again after a crash, and the source is ahead of
/// us. That does no harm, because the change that brought the newer value follows in the log and its version wins.
/// A row that the source has under none of its keys has been deleted or has got another key since; the change that did
/// so follows too, and this version is left out: its mark in `keep` becomes false. Never is a default or NULL put in
/// the value's place.
void fill_unchanged_values(TableBatch& batch, const InsertTask::Target& target, WriterTools& tools,
                           std::vector<bool>& keep);

}  // namespace echodb
