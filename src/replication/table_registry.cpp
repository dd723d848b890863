#include "replication/table_registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "columns/value_errors.h"

namespace echodb {
namespace {

constexpr std::string_view kOwnPrefix = "_echodb_";
constexpr std::string_view kShadowPrefix = "_echodb_shadow_";
/// A session may go on for years, and see tables come and go.
constexpr std::size_t kStreamedElsewhereMax = 10'000;

}  // namespace

std::string choose_target_name(const std::string& schema, const std::string& name,
                               const std::function<bool(const std::string&)>& taken) {
  auto free = [&](const std::string& candidate) { return !candidate.starts_with(kOwnPrefix) && !taken(candidate); };
  if (free(name)) return name;
  std::string candidate = fmt::format("{}_{}", schema, name);
  for (int number = 2; !free(candidate); ++number) candidate = fmt::format("{}_{}_{}", schema, name, number);
  return candidate;
}

TableRegistry::TableRegistry(std::vector<TableRecord> records, TypeChoices choices, std::string database)
    : choices_(std::move(choices)), database_(std::move(database)) {
  for (TableRecord& record : records) {
    std::vector<TableVersion> versions = std::exchange(record.versions, {});
    auto table = std::make_unique<MirroredTable>(std::move(record));
    for (TableVersion& version : versions) {
      mark_widened(table->record, version.schema);
      table->versions.push_back({.version = std::move(version)});
    }
    Oid oid = table->record.oid;
    share_types(*table);
    table->lane = std::make_shared<Lane>(table->record.target_name);
    tables_.emplace(oid, std::move(table));
  }
  give_names();
}

/// Whoever takes a name waits for the lanes of all that an earlier run left with it: of tables that were dropped, and
/// whose drop is tried again, there may be several.
void TableRegistry::give_names() {
  for (const auto& [oid, table] : tables_) {
    lanes_[table->record.target_name].push_back(table->lane);
    for (const std::string& name : table->record.earlier_names) lanes_[name].push_back(table->lane);
  }
}

/// A lane of its own; one that was mirrored before has the lane that its drop is in.
void TableRegistry::give_lane(MirroredTable& table) {
  const MirroredTable* before = find(table.record.oid);
  table.lane = before != nullptr ? before->lane : std::make_shared<Lane>(table.record.target_name);
  table.earlier_lanes = take_name(table);
}

/// Its first step waits for those that had the name, so the next one that takes it has to wait for this table alone.
Lanes TableRegistry::take_name(const MirroredTable& table) {
  Lanes earlier = std::exchange(lanes_[table.record.target_name], Lanes{table.lane});
  std::erase(earlier, table.lane);
  return earlier;
}

MirroredTable* TableRegistry::find(Oid oid) {
  auto found = tables_.find(oid);
  return found == tables_.end() ? nullptr : found->second.get();
}

MirroredTable& TableRegistry::add(TableRecord record, TableVersion version) {
  record.target_name = free_target_name(version.schema.schema, version.schema.name);
  Oid oid = record.oid;
  auto table = std::make_unique<MirroredTable>(std::move(record));
  table->versions.push_back({.version = std::move(version)});
  give_lane(*table);
  return *tables_.insert_or_assign(oid, std::move(table)).first->second;
}

bool TableRegistry::is_taken(const std::string& target_name, const MirroredTable* but_for) const {
  return std::ranges::any_of(tables_, [&](const auto& entry) {
    const MirroredTable& table = *entry.second;
    return &table != but_for && !table.is<Dropped>() && table.record.target_name == target_name;
  });
}

std::string TableRegistry::free_target_name(const std::string& schema, const std::string& name,
                                            const MirroredTable* but_for) const {
  return choose_target_name(schema, name, [&](const std::string& candidate) { return is_taken(candidate, but_for); });
}

LiveVersion& TableRegistry::version_at(MirroredTable& table, Lsn change) {
  ECHO_ASSERT(!table.versions.empty());
  LiveVersion* chosen = &table.versions.front();
  for (LiveVersion& version : table.versions) {
    if (version.version.lsn <= change) chosen = &version;
  }
  if (chosen->plan == nullptr) {
    chosen->plan = std::make_shared<TablePlan>(chosen->version.schema, table.schema(), choices_);
  }
  return *chosen;
}

void TableRegistry::add_version(MirroredTable& table, TableVersion version) {
  ECHO_ASSERT(table.open == nullptr);
  forget_plans(table);
  mark_widened(table.record, version.schema);
  if (table.versions.back().version.lsn == version.lsn) table.versions.pop_back();
  table.versions.push_back({.version = std::move(version)});
  share_types(table);
}

const std::vector<std::string>* TableRegistry::streamed_columns(Oid oid) const {
  auto found = streamed_.find(oid);
  return found == streamed_.end() ? nullptr : &found->second;
}

void TableRegistry::note_streamed(Oid oid, std::vector<std::string> columns) {
  if (streamed_.size() > tables_.size() + kStreamedElsewhereMax) {
    std::erase_if(streamed_, [this](const auto& entry) { return !tables_.contains(entry.first); });
  }
  streamed_.insert_or_assign(oid, std::move(columns));
  MirroredTable* table = find(oid);
  if (table == nullptr) return;
  for (LiveVersion& version : table->versions) version.positions = nullptr;
}

/// Rows of every schema go into the columns of today.
void TableRegistry::share_types(MirroredTable& table) {
  for (LiveVersion& version : table.versions) keep_types(version.version.schema, table.schema());
}

void TableRegistry::widen(MirroredTable& table, const WidenedColumn& column) {
  ECHO_ASSERT(table.open == nullptr);
  std::erase_if(table.record.widened_columns,
                [&](const WidenedColumn& other) { return other.attnum == column.attnum; });
  table.record.widened_columns.push_back(column);
  forget_plans(table);
}

ColumnWidth TableRegistry::width_for(const MirroredTable& table, const Column& column, const Error& error) const {
  const std::string_view needs = error.detail(kNeeds);
  const TargetType type = column_target_type(table.schema(), column, choices_);
  for (const ColumnWidth width : {ColumnWidth::NullableElements, ColumnWidth::Widest}) {
    if (width <= column.width) continue;
    if (needs == kNeedsVariant && width == ColumnWidth::NullableElements) continue;
    Column wider = column;
    wider.width = width;
    const TargetType wide = column_target_type(table.schema(), wider, choices_);
    // A value that is refused for what it is, an element maybe, wants another type for it.
    if (needs.empty() ? wide.value_type != type.value_type : wide.column_type != type.column_type) return width;
  }
  return ColumnWidth::Text;
}

void TableRegistry::forget_plans(MirroredTable& table) {
  for (LiveVersion& version : table.versions) {
    mark_widened(table.record, version.version.schema);
    version.plan = nullptr;
    version.positions = nullptr;
  }
}

TargetTable shadow_table(const std::string& database, Oid table) {
  return {database, fmt::format("{}{}", kShadowPrefix, table)};
}

TargetTable TableRegistry::shadow(const MirroredTable& table) const {
  return shadow_table(database_, table.record.oid);
}

TargetTable TableRegistry::write_target(const MirroredTable& table) const {
  return table.record.shadow ? shadow(table) : target(table);
}

void TableRegistry::remove(Oid oid) {
  auto found = tables_.find(oid);
  if (found == tables_.end()) return;
  for (auto& [name, lanes] : lanes_) std::erase(lanes, found->second->lane);
  std::erase_if(lanes_, [](const auto& entry) { return entry.second.empty(); });
  tables_.erase(found);
}

Lanes TableRegistry::rename_target(MirroredTable& table, const std::string& name) {
  table.record.target_name = name;
  return take_name(table);
}

}  // namespace echodb
