#include "replication/insert_completion.h"

namespace echodb {

void complete_batch(TableBatch& batch, const InsertTask::Target& target, WriterTools& tools) {
  if (!batch.missing().empty()) fill_missing_values(batch, target, tools);
  if (!batch.bag_deletes().empty()) choose_bag_victims(batch, target, tools);
  render_source_texts(batch, tools);
}

}  // namespace echodb
