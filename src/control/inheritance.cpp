#include "control/inheritance.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "catalog/inheritance.h"
#include "clickhouse/quoting.h"
#include "clickhouse/table_ddl.h"

namespace echodb {
namespace {

/// nullptr when it is no mirror.
const TableRecord* find_mirror(const std::vector<TableRecord>& tables, Oid oid) {
  auto found = std::ranges::find(tables, oid, &TableRecord::oid);
  const bool is_mirror = found != tables.end() && found->state != TableState::Dropped && !found->dropped;
  return is_mirror ? &*found : nullptr;
}

/// The condition is for servers that do not hide deleted rows from FINAL, and harmless elsewhere. An heir has each of
/// the parent's columns, under the same name.
std::string select_sql(const std::string& database, const TableSchema& parent, const TableRecord& table) {
  std::vector<std::string> columns;
  for (const Column& column : parent.columns) columns.push_back(quote_identifier(target_column_name(column.name)));
  return fmt::format("SELECT {} FROM {} FINAL WHERE {} = 0", fmt::join(columns, ", "),
                     qualified({.database = database, .name = table.target_name}), kIsDeletedColumn);
}

/// Empty before anything is mirrored.
std::string union_sql(const ParentTable& parent, const std::vector<TableRecord>& tables, const std::string& database) {
  const TableRecord* mirror = find_mirror(tables, parent.oid);
  if (mirror == nullptr) return {};
  const TableSchema& schema = mirror->versions.back().schema;
  std::vector<std::string> parts{select_sql(database, schema, *mirror)};
  for (const Heir& heir : parent.heirs) {
    if (const TableRecord* of_heir = find_mirror(tables, heir.oid)) {
      parts.push_back(select_sql(database, schema, *of_heir));
    }
  }
  return fmt::format("{}", fmt::join(parts, " UNION ALL "));
}

std::string remedy(const ParentTable& parent, const std::vector<TableRecord>& tables, const std::string& database) {
  if (parent.partitioned) {
    return "mirror those tables from the servers that they are on; here they are read with the foreign tables";
  }
  std::string words;
  if (parent.heirs_not_watched() > 0) {
    words =
        "to have all of them mirrored, as far as they can be, name their schemas in SYNC_SCHEMA and run `echodb "
        "setup`; ";
  }
  const std::string sql = union_sql(parent, tables, database);
  if (sql.empty())
    return words + "once it is set up, `echodb doctor` has the statement that reads the mirrors together";
  return fmt::format("{}in ClickHouse: {}", words, sql);
}

}  // namespace

void examine_inheritance(PostgresConnection& source, const Settings& settings, const std::vector<TableRecord>& tables,
                         Findings& findings) {
  bool all_well = true;
  for (ParentTable& parent : find_parents(source, settings)) {
    if (!parent.watched) continue;
    all_well = false;
    // What is watched and left out, for want of a key or otherwise, is not in the statement.
    for (Heir& heir : parent.heirs) {
      if (!tables.empty()) heir.watched = find_mirror(tables, heir.oid) != nullptr;
    }
    findings.warning(fmt::format("{} {}", parent.name, parent.words()),
                     remedy(parent, tables, settings.clickhouse.database));
  }
  if (all_well) findings.ok("no table inherits from a watched one");
}

}  // namespace echodb
