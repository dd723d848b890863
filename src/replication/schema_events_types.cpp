// The part of SchemaEvents for the types that columns have in the target: chosen once, kept, and told of.

#include <fmt/ranges.h>

#include <algorithm>

#include "base/log.h"
#include "replication/schema_events.h"

namespace echodb {

void SchemaEvents::give_types(TableSchema& schema, const MirroredTable* table) const {
  if (table != nullptr) keep_types(schema, table->schema());
  choose_types(schema, table == nullptr ? nullptr : &table->schema(), parts_.registry.choices());
}

/// Tables of an earlier version have no types on record: those of their targets count, for all that is there already.
/// A table that has none yet is given the types of today. Whether there is something to put on record.
bool SchemaEvents::complete_types(MirroredTable& table, const TargetTable& holder, TargetClient& clickhouse) {
  const auto is_open = [](const Column& column) { return column.chosen_type.empty(); };
  if (table.record.state == TableState::Dropped || std::ranges::none_of(table.schema().columns, is_open)) return false;
  TableVersion newest = table.versions.back().version;
  if (table.record.state != TableState::Pending) {
    adopt_types(newest.schema, read_column_types(clickhouse, holder), parts_.registry.choices());
  }
  choose_types(newest.schema, nullptr, parts_.registry.choices());
  if (newest.schema == table.schema()) return false;
  parts_.registry.add_version(table, newest);
  return true;
}

/// The rows that are there have NULL in a column that is added without a value, and an array that holds none would show
/// them as empty.
void SchemaEvents::widen_added_arrays(MirroredTable& table, TableVersion& version) {
  for (Column& column : version.schema.columns) {
    const bool added = table.schema().find_column(column.attnum) == nullptr;
    if (!added || column.not_null || column.generated || column.missing_value) continue;
    const TargetType type = column_target_type(version.schema, column, parts_.registry.choices());
    if (!type.is_array() || type.nullable) continue;
    column.width = ColumnWidth::Widest;
    const bool has_wider =
        column_target_type(version.schema, column, parts_.registry.choices()).column_type != type.column_type;
    if (!has_wider) column.width = ColumnWidth::Text;
    table.record.widened_columns.push_back({.attnum = column.attnum, .since = version.lsn, .width = column.width});
  }
}

std::string SchemaEvents::type_for_people(const MirroredTable& table, std::int16_t attnum) const {
  const Column* column = table.schema().find_column(attnum);
  if (column == nullptr || column->width == ColumnWidth::Text) return "text";
  return column_target_type(table.schema(), *column, parts_.registry.choices()).column_type;
}

void SchemaEvents::note_types(const MirroredTable& table) {
  std::vector<std::string> types;
  for (const Column& column : table.schema().columns) {
    if (!column_target_type(table.schema(), column, parts_.registry.choices()).fell_back_to_text) continue;
    types.push_back(column.type.declared);
    log::info("{}.{} is of type {}, which arrives as its text", table.name(), column.name, column.type.declared);
  }
  fallback_types_[table.record.oid] = std::move(types);
  kept_types_[table.record.oid] = kept_types(table.schema(), parts_.registry.choices());
}

/// A setting that was changed counts for new columns only.
void SchemaEvents::warn_of_kept_types(const MirroredTable& table) const {
  std::vector<std::string> columns;
  for (const KeptType& kept : kept_types_of(table.record.oid)) {
    columns.push_back(fmt::format("{} is {}, not {}", kept.column, kept.type, kept.today));
  }
  if (columns.empty()) return;
  log::warn("{} keeps the types that it was made with: {}; `echodb resync {}` makes it with those of today",
            table.name(), fmt::join(columns, ", "), table.name());
}

std::vector<KeptType> SchemaEvents::kept_types_of(Oid oid) const {
  auto found = kept_types_.find(oid);
  return found == kept_types_.end() ? std::vector<KeptType>() : found->second;
}

std::vector<TextFallback> SchemaEvents::text_fallbacks() const {
  std::map<std::string, std::uint64_t> columns;
  for (const auto& [table, types] : fallback_types_) {
    for (const std::string& type : types) ++columns[type];
  }
  std::vector<TextFallback> fallbacks;
  for (const auto& [type, count] : columns) fallbacks.push_back({.type = type, .columns = count});
  return fallbacks;
}

}  // namespace echodb
