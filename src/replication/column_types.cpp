#include "replication/column_types.h"

#include <fmt/format.h>

#include "clickhouse/quoting.h"
#include "columns/row_binary_reader.h"

namespace echodb {

ColumnTypes read_column_types(TargetClient& clickhouse, const TargetTable& table) {
  const std::string answer = clickhouse.query(
      fmt::format("SELECT name, type FROM system.columns WHERE database = {} AND table = {} FORMAT RowBinary",
                  quote_literal(table.database), quote_literal(table.name)));
  ColumnTypes types;
  RowBinaryReader reader(as_bytes(answer));
  while (!reader.at_end()) {
    std::string name(reader.read_string());
    types[std::move(name)] = reader.read_string();
  }
  return types;
}

}  // namespace echodb
