#pragma once

#include <span>

#include "postgres/connection.h"
#include "replication/found_rows.h"
#include "replication/row_history.h"

namespace echodb {

/// The rows that the source has now under the keys of these rows of the batch, all as of one moment: these columns of
/// the plan. A column that is there no more gets defaults: its DROP follows in the log and takes them away. A row that
/// holds NULL where the plan's column has none is not found: a later change, which follows, put it there.
FoundRows look_up_in_source(TableBatch& batch, const RowHistory& history, PostgresConnection& source,
                            std::span<const std::size_t> key_rows, std::span<const std::size_t> columns);

/// {0,1,2,…}: numbers the rows of a statement's parameters, as the text of an int[].
std::string places(std::size_t count);
/// The values of one column in some rows, as the text of a text[]: a parameter for unnest().
std::string column_as_array(const ColumnBuilder& column, std::span<const std::size_t> rows);

}  // namespace echodb
