#include "replication/table_names.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

namespace echodb {

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

void TableNames::take_after(MirroredTable& table, const std::shared_ptr<Lane>& earlier) {
  if (earlier == nullptr || earlier == table.lane) return;
  table.awaited.push_back(parts_.lanes.end_of(earlier));
  parts_.registry.for_each([&](const MirroredTable& other) {
    if (other.lane == earlier) std::ranges::copy(other.awaited, std::back_inserter(table.awaited));
  });
}

void TableNames::given_up(const MirroredTable& by, const std::string& name) {
  parts_.registry.for_each([&](MirroredTable& other) {
    if (!other.is<Dropped>() && other.record.target_name == name) take_after(other, by.lane);
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

CreateOptions TableNames::options() const {
  return {.keep_existing = parts_.settings.on_drop == OnDrop::Keep, .at = parts_.watermark.ended()};
}

void TableNames::finish_renames() {
  parts_.registry.for_each([&](MirroredTable& table) {
    if (table.is<Dropped>() || parts_.registry.is_taken(table.record.target_name, &table)) return;
    const std::vector<std::string> from = take_earlier(table);
    if (from.empty()) return;
    auto task = steps_.make(table, nullptr, "");
    task->keep_target();
    then_rename(table, *task, from);
    steps_.push(table, std::move(task));
    parts_.registry.for_each([&](MirroredTable& next) {
      if (&next != &table && std::ranges::find(from, next.record.target_name) != from.end()) {
        next.earlier_lane = table.lane;
      }
    });
  });
}

}  // namespace echodb
