#include "replication/table_names.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "replication/target_steps.h"

namespace echodb {

std::vector<std::string> TableNames::take_earlier(MirroredTable& table) {
  std::vector<std::string> names = std::exchange(table.record.earlier_names, {});
  std::erase(names, table.record.target_name);
  const std::set<std::string> each(names.begin(), names.end());
  return {each.begin(), each.end()};
}

void TableNames::taken(const MirroredTable& by) {
  parts_.registry.for_each([&](MirroredTable& other) {
    if (&other == &by || std::erase(other.record.earlier_names, by.record.target_name) == 0) return;
    steps_.put_on_record(other);
  });
}

void TableNames::then_rename(MirroredTable& table, SchemaTask& task, std::vector<std::string> from,
                             std::optional<LanePlace> awaited) {
  for (const LanePlace& place : std::exchange(table.awaited, {})) parts_.lanes.run_after(task, place);
  CreateOptions options{.keep_existing = parts_.settings.on_drop == OnDrop::Keep, .at = parts_.watermark.ended()};
  task.then([names = Rename{.from = from, .to = parts_.registry.target(table)}, options,
             server = parts_.registry.server()](WriterTools& tools) {
    rename_target(tools.clickhouse, names, server, options);
  });
  task.dropped = [this, oid = table.record.oid, from = std::move(from), awaited = std::move(awaited)](StepEnd) {
    MirroredTable* renamed = parts_.registry.find(oid);
    if (renamed == nullptr) return;
    if (awaited) renamed->awaited.push_back(*awaited);
    // Whoever has taken such a name meanwhile makes room for itself.
    std::ranges::copy_if(from, std::back_inserter(renamed->record.earlier_names),
                         [&](const std::string& name) { return !parts_.registry.is_taken(name, renamed); });
  };
}

void TableNames::finish_renames() {
  parts_.registry.for_each([&](MirroredTable& table) {
    if (table.followed() == nullptr) return;
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
