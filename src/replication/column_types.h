#pragma once

#include <map>
#include <string>

#include "clickhouse/client.h"
#include "clickhouse/table_ddl.h"

namespace echodb {

/// A target's columns, with their types as ClickHouse spells them.
using ColumnTypes = std::map<std::string, std::string, std::less<>>;

/// Empty when there is no such table.
ColumnTypes read_column_types(ClickHouseClient& clickhouse, const TargetTable& table);

}  // namespace echodb
