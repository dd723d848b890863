#pragma once

#include <vector>

#include "replication/insert_completion.h"

namespace echodb {

/// Fills the generated columns of the rows that are kept, which the stream does not carry before PostgreSQL 18. Columns
/// that the expressions read must be filled already.
///
/// An expression in which everything is PostgreSQL's own is evaluated by the source over the rows'
/// own values: exact for every version of a row, and for tables without a key. Any other would run the application's
/// code with our rights: its values are read from the row that the source has under its key, as in unchanged_values.h,
/// and a row that is gone is left out: its mark in `keep` becomes false. Without a key there is no such row, and
/// Error(UnsupportedValue) is thrown.
void fill_generated_values(TableBatch& batch, WriterTools& tools, std::vector<bool>& keep);

}  // namespace echodb
