#pragma once

#include <vector>

#include "base/finding.h"
#include "catalog/records.h"
#include "config/settings.h"
#include "postgres/connection.h"

namespace echodb {

/// Names each watched table that others inherit from (catalog/inheritance.h), with the statement for ClickHouse that
/// returns what PostgreSQL's SELECT from it does, as far as those are mirrored. `tables`: the stream's, if there is
/// one.
void examine_inheritance(PostgresConnection& source, const Settings& settings, const std::vector<TableRecord>& tables,
                         Findings& findings);

}  // namespace echodb
