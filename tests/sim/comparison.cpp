#include "sim/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "base/log.h"
#include "replication/bookmark.h"

namespace echodb::sim {
namespace {

std::string rows_only_in(const std::multiset<TargetRow>& ones, const std::multiset<TargetRow>& others) {
  std::vector<TargetRow> rows;
  std::ranges::set_difference(ones, others, std::back_inserter(rows));
  std::string text;
  for (const TargetRow& row : rows) {
    text += "(";
    for (const auto& [column, cell] : row) text += fmt::format(" {}={:?}", column, cell.value_or("NULL"));
    text += " )";
  }
  return text;
}

std::optional<Finding> find_difference(Oid oid, const SourceTable& table, const Source& source, const Target& target,
                                       const Catalog& catalog) {
  auto record = catalog.tables().find(oid);
  const std::string name = table.schema->qualified_name();
  if (record == catalog.tables().end()) return Finding{"equal", fmt::format("{} has no mirror", name)};
  if (record->second.target_name != table.schema->name && !catalog.has_kept_its_name(record->second)) {
    return Finding{"equal", fmt::format("{} is called {} in the target", name, record->second.target_name)};
  }
  std::shared_ptr<StoredTable> stored = target.find(record->second.target_name);
  if (stored == nullptr) return Finding{"equal", fmt::format("{} has no target", name)};
  for (const Column& column : table.schema->columns) {
    if (!stored->types.contains(column.name)) return Finding{"equal", fmt::format("{} lacks {}", name, column.name)};
  }
  std::multiset<TargetRow> here;
  for (std::size_t place : source.live(oid)) {
    TargetRow row;
    for (const Column& column : table.schema->columns) {
      const std::optional<std::string>& value = table.heap[place].row.at(column.attnum);
      row[column.name] = value ? Cell(as_native(column.type.oid, stored->types.at(column.name), *value)) : Cell();
    }
    here.insert(std::move(row));
  }
  std::multiset<TargetRow> there;
  for (const TargetRow& stored_row : stored->final_rows()) {
    TargetRow row;
    for (const Column& column : table.schema->columns) {
      auto cell = stored_row.find(column.name);
      row[column.name] = cell == stored_row.end() ? Cell() : cell->second;
    }
    there.insert(std::move(row));
  }
  if (here == there) return std::nullopt;
  return Finding{"equal", fmt::format("{} has {} rows, and its target {} other ones: {} and not {}", name, here.size(),
                                      there.size(), rows_only_in(there, here), rows_only_in(here, there))};
}

}  // namespace

std::string as_native(Oid type, std::string_view column_type, const std::string& value) {
  if (type == kBigint) return {value.rbegin(), value.rend()};
  if (type != kDate) return value;
  if (column_type.find("Date32") == std::string_view::npos) return date_text(value);
  constexpr std::int32_t kDaysFrom1970To2000 = 10'957;
  ByteBuffer days;
  days.append_little_endian(load_big_endian<std::int32_t>(as_bytes(value).data()) + kDaysFrom1970To2000);
  return std::string(days.text());
}

std::optional<Finding> find_difference(const Source& source, const Target& target, const Catalog& catalog) {
  for (const auto& [oid, table] : source.tables()) log::debug("-- source: {} is {}", oid, table.schema->name);
  std::set<std::string> expected;
  for (const auto& [oid, table] : source.tables()) {
    if (auto finding = find_difference(oid, table, source, target, catalog)) return finding;
    expected.insert(catalog.tables().at(oid).target_name);
  }
  for (const auto& [name, table] : target.tables()) {
    if (name == kBookmarkTable || target.is_left_to_a_person(name)) continue;
    if (!expected.contains(name)) return Finding{"equal", fmt::format("{} is in the target and nowhere else", name)};
  }
  return std::nullopt;
}

}  // namespace echodb::sim
