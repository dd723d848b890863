#include "replication/table_steps.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "replication/late_inserts.h"

namespace echodb {

std::unique_ptr<SchemaTask> TableSteps::make(const MirroredTable& table, const TableVersion* version, std::string event,
                                             std::string detail) const {
  SchemaTask::Record record{.stream = parts_.stream,
                            .table = table.record,
                            .version = version == nullptr ? std::nullopt : std::optional(*version),
                            .event = std::move(event),
                            .detail = std::move(detail)};
  return std::make_unique<SchemaTask>(parts_.catalog, std::move(record));
}

void TableSteps::push(MirroredTable& table, std::unique_ptr<SchemaTask> task) {
  inventory_.stepped(table.record.oid, {.target_kept = task->keeps_target()});
  task->tickets.push_back(parts_.watermark.open());
  std::ranges::move(std::exchange(table.owed, {}), std::back_inserter(task->tickets));
  for (const std::shared_ptr<Lane>& earlier : std::exchange(table.earlier_lanes, {})) {
    parts_.lanes.run_after(*task, parts_.lanes.end_of(earlier));
  }
  parts_.lanes.push(table.lane, std::move(task));
}

void TableSteps::put_on_record(const MirroredTable& table) {
  if (table.is<Dropped>()) return;
  auto task = make(table, nullptr, "");
  task->keep_target();
  TableRecord record = table.record;
  record.target_kept = true;
  for (const LiveVersion& live : table.versions) {
    task->then([record, version = live.version, &catalog = parts_.catalog, stream = parts_.stream](WriterTools&) {
      catalog.save_table(stream, record, &version);
    });
  }
  task->tickets.push_back(parts_.watermark.open());
  parts_.lanes.push(table.lane, std::move(task));
}

void TableSteps::alter_target(SchemaTask& task, const MirroredTable& table, std::vector<std::string> statements,
                              bool takes_columns) const {
  const TargetTable target = parts_.registry.write_target(table);
  if (takes_columns) task.then([target](WriterTools& tools) { await_inserts(tools.clickhouse, target); });
  task.then(std::move(statements));
  if (takes_columns) task.then([target](WriterTools& tools) { require_no_late_parts(tools.clickhouse, target); });
}

SchemaTask::Step TableSteps::drain_copies(const MirroredTable& table) const {
  return [oid = table.record.oid, &copier = parts_.copier](WriterTools& tools) { copier.drain(oid, tools.clickhouse); };
}

std::function<void()> TableSteps::forget_ranges(const MirroredTable& table) const {
  return [&catalog = parts_.catalog, stream = parts_.stream, oid = table.record.oid] {
    catalog.replace_ranges(stream, oid, {});
  };
}

}  // namespace echodb
