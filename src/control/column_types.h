#pragma once

#include <stop_token>

#include "base/finding.h"
#include "catalog/store.h"
#include "config/settings.h"

namespace echodb {

/// Looks for entries of ECHODB_COLUMN_TYPES that this ClickHouse, or a column of a table that is mirrored, cannot
/// follow: they stop the tables concerned, once they are made or copied, and nothing else; and for entries that are for
/// no column. Throws what ClickHouse's client throws.
void examine_column_types(const Settings& settings, const std::vector<TableRecord>& tables, Findings& findings,
                          std::stop_token stop);

/// Throws Error(InvalidConfiguration) when an entry asks a column of this table for what it cannot be: a copy would
/// stop it.
void require_column_types(const Settings& settings, const TableSchema& schema, std::stop_token stop);

}  // namespace echodb
