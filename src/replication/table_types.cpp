#include "replication/table_types.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/log.h"

namespace echodb {

void TableTypes::give(TableSchema& schema, const MirroredTable* table) const {
  if (table != nullptr) keep_types(schema, table->schema());
  choose_types(schema, table == nullptr ? nullptr : &table->schema(), parts_.registry.choices());
}

bool TableTypes::complete(MirroredTable& table, const TargetTable& holder, TargetClient& clickhouse) const {
  const auto is_open = [](const Column& column) { return column.chosen_type.empty(); };
  if (table.is<Dropped>() || std::ranges::none_of(table.schema().columns, is_open)) return false;
  TableVersion newest = table.versions.back().version;
  if (!table.is<Pending>()) {
    adopt_types(newest.schema, read_column_types(clickhouse, holder), parts_.registry.choices());
  }
  choose_types(newest.schema, nullptr, parts_.registry.choices());
  if (newest.schema == table.schema()) return false;
  parts_.registry.add_version(table, newest);
  return true;
}

void TableTypes::widen_added_arrays(MirroredTable& table, TableVersion& version) const {
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

void TableTypes::forget(Oid table) {
  fallbacks_.erase(table);
  kept_.erase(table);
}

std::string TableTypes::for_people(const MirroredTable& table, std::int16_t attnum) const {
  const Column* column = table.schema().find_column(attnum);
  if (column == nullptr || column->width == ColumnWidth::Text) return "text";
  return column_target_type(table.schema(), *column, parts_.registry.choices()).column_type;
}

void TableTypes::note(const MirroredTable& table) {
  std::vector<std::string> types;
  std::vector<std::string> words;
  for (const Column& column : table.schema().columns) {
    if (!column_target_type(table.schema(), column, parts_.registry.choices()).fell_back_to_text) continue;
    types.push_back(column.type.declared);
    words.push_back(
        fmt::format("{}.{} is of type {}, which arrives as its text", table.name(), column.name, types.back()));
  }
  // Once, and not again at each copy.
  if (fallbacks_[table.record.oid] != types) {
    for (const std::string& sentence : words) log::info("{}", sentence);
  }
  fallbacks_[table.record.oid] = std::move(types);
  kept_[table.record.oid] = kept_types(table.schema(), parts_.registry.choices());
}

void TableTypes::warn_of_kept(const MirroredTable& table) const {
  std::vector<std::string> columns;
  for (const KeptType& kept : kept_of(table.record.oid)) {
    columns.push_back(fmt::format("{} is {}, not {}", kept.column, kept.type, kept.today));
  }
  if (columns.empty()) return;
  log::warn("{} keeps the types that it was made with: {}; `echodb resync {}` makes it with those of today",
            table.name(), fmt::join(columns, ", "), table.name());
}

std::vector<KeptType> TableTypes::kept_of(Oid oid) const {
  auto found = kept_.find(oid);
  return found == kept_.end() ? std::vector<KeptType>() : found->second;
}

std::vector<TextFallback> TableTypes::text_fallbacks() const {
  std::map<std::string, std::uint64_t> columns;
  for (const auto& [table, types] : fallbacks_) {
    for (const std::string& type : types) ++columns[type];
  }
  std::vector<TextFallback> fallbacks;
  for (const auto& [type, count] : columns) fallbacks.push_back({.type = type, .columns = count});
  return fallbacks;
}

}  // namespace echodb
