#pragma once

#include <stop_token>

#include "base/finding.h"
#include "catalog/store.h"
#include "config/settings.h"

namespace echodb {

/// Looks for entries of ECHODB_COLUMN_TYPES that this ClickHouse, or a column of a table that is mirrored, cannot
/// follow: they stop the tables concerned and nothing else. Throws what ClickHouse's client throws.
void examine_column_types(const Settings& settings, const std::vector<TableRecord>& tables, Findings& findings,
                          std::stop_token stop);

}  // namespace echodb
