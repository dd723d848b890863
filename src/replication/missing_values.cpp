#include "replication/insert_completion.h"

namespace echodb {

void fill_missing_values(TableBatch& batch, const InsertTask::Target&, WriterTools&) {
  throw Error(ErrorCode::UnsupportedValue, "unchanged values").with("table", batch.plan().schema().qualified_name());
}

}  // namespace echodb
