#pragma once

#include <vector>

#include "replication/insert_completion.h"

namespace echodb {

/// Computes the generated columns of the rows that are kept, which the stream does not carry before PostgreSQL 18: the
/// source evaluates their expressions over the rows' own values, so they are exact for every version of a row and for
/// tables without a key. Columns that the expressions read must be filled already.
void fill_generated_values(TableBatch& batch, WriterTools& tools, const std::vector<bool>& keep);

}  // namespace echodb
