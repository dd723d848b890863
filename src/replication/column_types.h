#pragma once

#include <map>
#include <string>

#include "clickhouse/table_ddl.h"
#include "clickhouse/target_client.h"

namespace echodb {

/// A target's columns, with their types as ClickHouse spells them.
using ColumnTypes = std::map<std::string, std::string, std::less<>>;

/// Empty when there is no such table.
ColumnTypes read_column_types(TargetClient& clickhouse, const TargetTable& table);

}  // namespace echodb
