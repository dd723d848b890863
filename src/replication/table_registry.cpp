#include "replication/table_registry.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"

namespace echodb {
namespace {

constexpr std::string_view kShadowSuffix = "__echodb_shadow";

}  // namespace

TableRegistry::TableRegistry(std::vector<TableRecord> records, ServerVersion server, std::string database)
    : server_(std::move(server)), database_(std::move(database)) {
  for (TableRecord& record : records) {
    auto table = std::make_unique<MirroredTable>();
    for (TableVersion& version : record.versions) table->versions.push_back({.version = std::move(version)});
    record.versions.clear();
    table->lane = lane_for(record.target_name);
    Oid oid = record.oid;
    table->record = std::move(record);
    tables_.emplace(oid, std::move(table));
  }
}

std::shared_ptr<Lane> TableRegistry::lane_for(const std::string& target_name) {
  std::shared_ptr<Lane>& lane = lanes_[target_name];
  if (lane == nullptr) lane = std::make_shared<Lane>(target_name);
  return lane;
}

MirroredTable* TableRegistry::find(Oid oid) {
  auto found = tables_.find(oid);
  return found == tables_.end() ? nullptr : found->second.get();
}

MirroredTable& TableRegistry::add(TableRecord record, TableVersion version) {
  record.target_name = free_target_name(version.schema.schema, version.schema.name);
  auto table = std::make_unique<MirroredTable>();
  table->lane = lane_for(record.target_name);
  table->versions.push_back({.version = std::move(version)});
  Oid oid = record.oid;
  table->record = std::move(record);
  return *tables_.insert_or_assign(oid, std::move(table)).first->second;
}

std::string TableRegistry::free_target_name(const std::string& schema, const std::string& name) const {
  auto taken = [&](const std::string& candidate) {
    return std::ranges::any_of(tables_, [&](const auto& entry) {
      const TableRecord& record = entry.second->record;
      return record.state != TableState::Dropped && record.target_name == candidate;
    });
  };
  if (!taken(name)) return name;
  std::string candidate = fmt::format("{}_{}", schema, name);
  for (int number = 2; taken(candidate); ++number) candidate = fmt::format("{}_{}_{}", schema, name, number);
  return candidate;
}

LiveVersion& TableRegistry::version_at(MirroredTable& table, Lsn change) {
  ECHO_ASSERT(!table.versions.empty());
  LiveVersion* chosen = &table.versions.front();
  for (LiveVersion& version : table.versions) {
    if (version.version.lsn <= change) chosen = &version;
  }
  if (chosen->plan == nullptr) {
    chosen->plan = std::make_shared<TablePlan>(chosen->version.schema, table.schema(), server_);
  }
  return *chosen;
}

void TableRegistry::add_version(MirroredTable& table, TableVersion version) {
  ECHO_ASSERT(table.open == nullptr);
  for (LiveVersion& older : table.versions) {
    older.plan = nullptr;
    older.positions = nullptr;
  }
  table.versions.push_back({.version = std::move(version)});
}

TargetTable TableRegistry::shadow(const MirroredTable& table) const {
  return {database_, table.record.target_name + std::string(kShadowSuffix)};
}

TargetTable TableRegistry::write_target(const MirroredTable& table) const {
  return table.record.shadow ? shadow(table) : target(table);
}

void TableRegistry::rename_target(MirroredTable& table, const std::string& name) {
  table.record.target_name = name;
  lanes_[name] = table.lane;
}

}  // namespace echodb
