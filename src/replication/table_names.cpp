#include "replication/table_names.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

namespace echodb {
namespace {

bool may_have(const MirroredTable& table, const std::string& name) {
  return std::ranges::find(table.record.earlier_names, name) != table.record.earlier_names.end();
}

}  // namespace

std::vector<std::string> TableNames::take_earlier(MirroredTable& table) {
  std::vector<std::string> names = std::exchange(table.record.earlier_names, {});
  std::erase(names, table.record.target_name);
  std::set<std::string> seen;
  std::erase_if(names, [&](const std::string& name) { return !seen.insert(name).second; });
  return names;
}

void TableNames::taken(const MirroredTable& by) {
  parts_.registry.for_each([&](MirroredTable& other) {
    if (&other == &by || std::erase(other.record.earlier_names, by.record.target_name) == 0) return;
    steps_.put_on_record(other);
  });
}

void TableNames::then_rename(MirroredTable& table, SchemaTask& task, std::vector<std::string> from) {
  Left undone{.names = from, .awaited = await(table, task)};
  task.then([names = Rename{.from = std::move(from), .to = parts_.registry.target(table)}, options = options(),
             server = parts_.registry.server()](WriterTools& tools) {
    rename_target(tools.clickhouse, names, server, options);
  });
  task.dropped = [this, oid = table.record.oid, undone = std::move(undone)](StepEnd) { left(oid, undone); };
}

void TableNames::take_after(MirroredTable& table, const Lanes& earlier) {
  for (const std::shared_ptr<Lane>& lane : earlier) {
    if (lane == table.lane) continue;
    table.awaited.push_back(parts_.lanes.end_of(lane));
    parts_.registry.for_each([&](const MirroredTable& other) {
      if (other.lane == lane) std::ranges::copy(other.awaited, std::back_inserter(table.awaited));
    });
  }
}

void TableNames::given_up(const MirroredTable& by, const std::string& name) {
  parts_.registry.for_each([&](MirroredTable& other) {
    if (!other.is<Dropped>() && other.record.target_name == name) take_after(other, {by.lane});
  });
}

std::vector<LanePlace> TableNames::await(MirroredTable& table, SchemaTask& task) {
  std::vector<LanePlace> places = std::exchange(table.awaited, {});
  for (const LanePlace& place : places) parts_.lanes.run_after(task, place);
  return places;
}

/// A table that has taken such a name meanwhile makes room for itself.
void TableNames::left(Oid oid, const Left& by_step) {
  MirroredTable* table = parts_.registry.find(oid);
  if (table == nullptr) return;
  std::ranges::copy(by_step.awaited, std::back_inserter(table->awaited));
  std::ranges::copy_if(by_step.names, std::back_inserter(table->record.earlier_names),
                       [&](const std::string& name) { return !parts_.registry.is_taken(name, table); });
}

TableNames::Left TableNames::left_by_drop(Oid oid) const {
  const MirroredTable* table = parts_.registry.find(oid);
  const Dropped* dropped = table == nullptr ? nullptr : table->as<Dropped>();
  if (dropped == nullptr || !dropped->refused) return {};
  Left left{.names = {}, .awaited = table->awaited};
  if (parts_.settings.on_drop == OnDrop::Keep) return left;
  left.names = table->record.earlier_names;
  left.names.push_back(table->record.target_name);
  std::erase_if(left.names, [&](const std::string& name) { return parts_.registry.is_taken(name, table); });
  return left;
}

SchemaTask::Step TableNames::make_room(const MirroredTable& table) const {
  return [target = parts_.registry.target(table), options = options(), server = parts_.registry.server()](
             WriterTools& tools) { echodb::make_room(tools.clickhouse, target, server, options); };
}

CreateOptions TableNames::options() const {
  return {.keep_existing = parts_.settings.on_drop == OnDrop::Keep, .at = parts_.watermark.ended()};
}

/// A table that may still have the name that another one is to get goes first. Tables that have stopped may go round in
/// circles: each keeps its names on record until its copy ends with the rename.
void TableNames::finish_renames() {
  std::vector<MirroredTable*> unfinished;
  parts_.registry.for_each([&](MirroredTable& table) {
    if (table.is<Dropped>() || parts_.registry.is_taken(table.record.target_name, &table)) return;
    if (!table.record.earlier_names.empty()) unfinished.push_back(&table);
  });
  auto is_free = [&](const MirroredTable* table) {
    return std::ranges::none_of(unfinished, [&](const MirroredTable* other) {
      return other != table && may_have(*other, table->record.target_name);
    });
  };
  for (auto next = std::ranges::find_if(unfinished, is_free); next != unfinished.end();
       next = std::ranges::find_if(unfinished, is_free)) {
    MirroredTable& table = **next;
    unfinished.erase(next);
    finish_rename(table);
  }
}

void TableNames::finish_rename(MirroredTable& table) {
  const std::vector<std::string> from = take_earlier(table);
  if (from.empty()) return;
  auto task = steps_.make(table, nullptr, "");
  task->keep_target();
  then_rename(table, *task, from);
  steps_.push(table, std::move(task));
  parts_.registry.for_each([&](MirroredTable& next) {
    if (&next == &table || std::ranges::find(from, next.record.target_name) == from.end()) return;
    next.earlier_lanes.push_back(table.lane);
  });
}

}  // namespace echodb
