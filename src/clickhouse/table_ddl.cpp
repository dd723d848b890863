#include "clickhouse/table_ddl.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "clickhouse/quoting.h"

namespace echodb {
namespace {

constexpr std::array kOurColumns{kSyncedAtColumn, kIsDeletedColumn, kVersionColumn, kRowHashColumn,
                                 kLsnColumn,      kOrdinalColumn,   kChangeColumn};
constexpr std::string_view kEscape = "_source";

std::string column_declaration(const TargetColumn& column) {
  std::string declaration = quote_identifier(column.name) + " " + column.type;
  if (!column.default_expression.empty()) declaration += " DEFAULT " + column.default_expression;
  return declaration;
}

TargetColumn synced_at_column(const ServerVersion& server) {
  constexpr int kDateTime64SinceMajor = 20;
  constexpr int kDateTime64SinceMinor = 1;
  std::string name(kSyncedAtColumn);
  if (!server.at_least(kDateTime64SinceMajor, kDateTime64SinceMinor)) return {name, "DateTime", "now()"};
  return {name, "DateTime64(9)", "now64()"};
}

std::string alter(const TargetTable& table, std::string_view change) {
  return fmt::format("ALTER TABLE {} {}", qualified(table), change);
}

}  // namespace

std::string qualified(const TargetTable& table) {
  return quote_identifier(table.database) + "." + quote_identifier(table.name);
}

bool has_is_deleted_argument(const ServerVersion& server) { return server.at_least(23, 2); }

std::string create_table_sql(const TableDefinition& definition, const ServerVersion& server) {
  ECHO_ASSERT(!definition.key.empty());
  std::vector<TargetColumn> columns = definition.columns;
  columns.insert(columns.end(), definition.extra_columns.begin(), definition.extra_columns.end());
  columns.push_back(synced_at_column(server));
  columns.push_back({std::string(kIsDeletedColumn), "UInt8", {}});
  columns.push_back({std::string(kVersionColumn), "UInt64", {}});

  std::string sql = fmt::format("CREATE TABLE IF NOT EXISTS {} (", qualified(definition.table));
  for (const TargetColumn& column : columns) {
    if (&column != &columns.front()) sql += ", ";
    sql += column_declaration(column);
  }
  sql += fmt::format(") ENGINE = ReplacingMergeTree({}", quote_identifier(kVersionColumn));
  if (has_is_deleted_argument(server)) sql += fmt::format(", {}", quote_identifier(kIsDeletedColumn));
  sql += ") ORDER BY (";
  for (const std::string& key : definition.key) {
    if (&key != &definition.key.front()) sql += ", ";
    sql += quote_identifier(key);
  }
  sql += ")";
  if (definition.nullable_key) sql += " SETTINGS allow_nullable_key = 1";
  return sql;
}

std::vector<TargetColumn> bag_columns() {
  std::vector<TargetColumn> columns{{std::string(kRowHashColumn), "FixedString(16)", {}}};
  for (std::string_view name : {kLsnColumn, kOrdinalColumn, kChangeColumn}) {
    columns.push_back({std::string(name), "UInt64", {}});
  }
  return columns;
}

std::vector<std::string> bag_key() {
  return {std::string(kRowHashColumn), std::string(kLsnColumn), std::string(kOrdinalColumn)};
}

std::string target_column_name(std::string_view source_name) {
  std::string_view base = source_name;
  while (base.ends_with(kEscape)) base.remove_suffix(kEscape.size());
  std::string name(source_name);
  if (std::ranges::find(kOurColumns, base) != kOurColumns.end()) name += kEscape;
  return name;
}

std::string add_column_sql(const TargetTable& table, const TargetColumn& column, const ColumnPlace& place) {
  return alter(table, fmt::format("ADD COLUMN IF NOT EXISTS {} {}", column_declaration(column),
                                  place.after.empty() ? "FIRST" : "AFTER " + quote_identifier(place.after)));
}

std::string drop_column_sql(const TargetTable& table, std::string_view column) {
  return alter(table, "DROP COLUMN IF EXISTS " + quote_identifier(column));
}

std::string rename_column_sql(const TargetTable& table, const ColumnRename& rename) {
  return alter(table, fmt::format("RENAME COLUMN IF EXISTS {} TO {}", quote_identifier(rename.from),
                                  quote_identifier(rename.to)));
}

std::string modify_column_sql(const TargetTable& table, const TargetColumn& column) {
  return alter(table, "MODIFY COLUMN " + column_declaration(column));
}

std::string drop_table_sql(const TargetTable& table) { return "DROP TABLE IF EXISTS " + qualified(table); }

std::string truncate_table_sql(const TargetTable& table) { return "TRUNCATE TABLE IF EXISTS " + qualified(table); }

}  // namespace echodb
