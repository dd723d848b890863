#include "control/stream_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/log.h"
#include "clickhouse/quoting.h"
#include "clickhouse/table_ddl.h"
#include "columns/row_binary_reader.h"
#include "replication/table_registry.h"
#include "replication/target_steps.h"
#include "replication/type_choices.h"

namespace echodb {
namespace {

using Records = std::vector<TableRecord>;

const TableSchema& newest_schema(const TableRecord& table) { return table.versions.back().schema; }

/// The table that readers know by this source table's name; nullptr when there is none. A table that was dropped and
/// made again is another one where dropped tables are kept.
const TableRecord* known_as(const Records& before, const TableRecord& table, OnDrop on_drop) {
  auto found = std::ranges::find_if(before, [&](const TableRecord& other) {
    return other.state != TableState::Dropped &&
           newest_schema(other).qualified_name() == newest_schema(table).qualified_name() &&
           (on_drop == OnDrop::Drop || other.oid == table.oid);
  });
  return found == before.end() ? nullptr : &*found;
}

/// Of a table whose own name another one has, with a number perhaps: choose_target_name().
std::string long_name(const TableSchema& schema) { return fmt::format("{}_{}", schema.schema, schema.name); }

bool has_target(const Records& tables, const std::string& name) {
  return std::ranges::find(tables, name, &TableRecord::target_name) != tables.end();
}

}  // namespace

void name_targets(Records& tables, const Records& before, const TargetNaming& naming) {
  std::vector<std::pair<TableRecord*, std::string>> longer_names;
  for (TableRecord& table : tables) {
    const TableRecord* known = known_as(before, table, naming.on_drop);
    table.shadow = known != nullptr || naming.target_unknown;
    if (known == nullptr) continue;
    keep_types(table.versions.back().schema, newest_schema(*known));
    // Any other name is one that the target was about to give up; a table that was made anew is called what it would be
    // called in a stream that goes on.
    if (known->target_name == newest_schema(table).name && !has_target(tables, known->target_name)) {
      table.target_name = known->target_name;
    } else if (known->oid == table.oid && known->target_name.starts_with(long_name(newest_schema(table)))) {
      longer_names.emplace_back(&table, known->target_name);
    }
  }
  // Two tables have one name on record where one that stopped was to give it up.
  for (const auto& [table, name] : longer_names) {
    if (!has_target(tables, name)) table->target_name = name;
  }
  for (TableRecord& table : tables) {
    if (!table.target_name.empty()) continue;
    table.target_name = choose_target_name(newest_schema(table).schema, newest_schema(table).name,
                                           [&](const std::string& name) { return has_target(tables, name); });
  }
}

void drop_leftovers(TargetClient& clickhouse, const ServerVersion& server, const Settings& settings,
                    const Records& tables, const Records& before) {
  const std::string& database = settings.clickhouse.database;
  for (const TableRecord& old : before) {
    drop_shadow(clickhouse, shadow_table(database, old.oid), server);
    const bool gone = old.state == TableState::Dropped && old.error.empty();
    if (gone || settings.on_drop == OnDrop::Keep) continue;
    // A rename that was not done has left the target under an earlier name.
    std::vector<std::string> names = old.earlier_names;
    names.push_back(old.target_name);
    for (const std::string& name : names) {
      if (has_target(tables, name)) continue;
      log::info("mirror dropped: {}, whose table is gone", name);
      drop_if_ours(clickhouse, {database, name}, server);
    }
  }
}

std::vector<std::string> list_mirrors(TargetClient& clickhouse, const std::string& database) {
  const std::string answer = clickhouse.query(fmt::format(
      "SELECT name FROM system.tables WHERE database = {0} AND engine LIKE '%MergeTree' AND name IN "
      "(SELECT table FROM system.columns WHERE database = {0} AND name = {1}) ORDER BY name FORMAT RowBinary",
      quote_literal(database), quote_literal(kVersionColumn)));
  std::vector<std::string> names;
  for (RowBinaryReader reader(as_bytes(answer)); !reader.at_end();) names.emplace_back(reader.read_string());
  return names;
}

std::vector<std::string> find_strangers(TargetClient& clickhouse, const ServerVersion& server,
                                        const std::string& database, const Records& tables) {
  std::vector<std::string> names = list_mirrors(clickhouse, database);
  const std::vector<std::string> kept = kept_targets(clickhouse, database, server);
  std::set<std::string> known(kept.begin(), kept.end());
  for (const TableRecord& table : tables) {
    known.insert(table.target_name);
    known.insert(table.earlier_names.begin(), table.earlier_names.end());
    const TargetTable shadow = shadow_table(database, table.oid);
    known.insert({shadow.name, retired(shadow).name});
  }
  std::erase_if(names, [&](const std::string& name) { return known.contains(name); });
  return names;
}

}  // namespace echodb
