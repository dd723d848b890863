#pragma once

#include "replication/lane.h"
#include "replication/lane_tasks.h"
#include "replication/table_batch.h"

namespace echodb {

/// Fills in what a batch cannot know by itself, on the writer's thread, when every earlier batch of the table is in:
/// missing values, victims of deletes in a table without a key, texts only the source can render. Each step is done
/// once; after a failure the next call goes on with the ones that are left.
void complete_batch(TableBatch& batch, const InsertTask::Target& target, WriterTools& tools);

// The steps, each of them nothing when there is nothing of its kind.

/// Values that an UPDATE left out, unchanged toasted ones: from an earlier row of the same key in the batch, from
/// ClickHouse, from the source. A row that the source no longer has is left out: the change that removed it follows in
/// the stream. Generated columns: computed by the source, or
/// read from it by key: generated_values.h.
void fill_missing_values(TableBatch& batch, const InsertTask::Target& target, WriterTools& tools);

/// Chooses for each delete the oldest live row with the deleted content, as of that delete. The choice is the same when
/// the log is read again: rows and tombstones of later changes are looked through.
void choose_bag_victims(TableBatch& batch, const InsertTask::Target& target, WriterTools& tools);

/// Asks the source for the text of values that arrived in a binary form we do not read.
void render_source_texts(TableBatch& batch, WriterTools& tools);

}  // namespace echodb
