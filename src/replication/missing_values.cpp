#include <algorithm>

#include "replication/generated_values.h"
#include "replication/insert_completion.h"
#include "replication/unchanged_values.h"

namespace echodb {

void fill_missing_values(TableBatch& batch, const InsertTask::Target& target, WriterTools& tools) {
  // Keys are compared, and values sent to the source, as what they are in text.
  render_source_texts(batch, tools);
  std::vector<bool> keep(batch.rows(), true);
  const std::size_t bytes_before = batch.bytes();
  fill_unchanged_values(batch, target, tools, keep);
  fill_generated_values(batch, tools, keep);
  const std::size_t bytes = batch.bytes() - std::min(bytes_before, batch.bytes());
  target.missing_value_size->learn(bytes / batch.missing().size());
  batch.settle_missing();
  if (std::ranges::find(keep, false) != keep.end()) batch.keep_rows(keep);
}

}  // namespace echodb
