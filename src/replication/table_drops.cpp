#include "replication/table_drops.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "base/log.h"
#include "replication/target_steps.h"

namespace echodb {

void TableDrops::drop(MirroredTable& table, Lsn lsn) {
  parts_.batcher.seal(table);
  copies_.forget(table);
  table.enter<Dropped>();
  table.record.dropped = lsn;
  tools_.healing.forget(table.record.oid);
  tools_.types.forget(table.record.oid);
  push(table);
  tools_.names.given_up(table, table.record.target_name);
  ++tools_.counters.dropped;
  bool keep = parts_.settings.on_drop == OnDrop::Keep;
  log::info("mirror dropped: {}{}", table.name(), keep ? ", its target table is kept" : "");
}

/// What has the table's name in ClickHouse by now may be another one's.
void TableDrops::push(MirroredTable& table) {
  table.as<Dropped>()->refused = false;
  table.record.error.clear();
  table.record.error_lsn.reset();
  std::vector<TargetTable> targets{parts_.registry.target(table)};
  // A rename that was not done may have been done all the same.
  table.record.earlier_names = TableNames::take_earlier(table);
  for (const std::string& name : table.record.earlier_names) targets.push_back({targets.front().database, name});
  std::erase_if(targets, [&](const TargetTable& target) { return parts_.registry.is_taken(target.name, &table); });
  const bool keep = parts_.settings.on_drop == OnDrop::Keep;
  auto task = tools_.steps.make(table, nullptr, "mirror_dropped", table.name());
  task->then(tools_.steps.drain_copies(table));
  task->then(
      [targets, keep, shadow = parts_.registry.shadow(table), server = parts_.registry.server()](WriterTools& tools) {
        drop_shadow(tools.clickhouse, shadow, server);
        for (const TargetTable& target : targets) {
          keep ? mark_kept(tools.clickhouse, target, server) : drop_if_ours(tools.clickhouse, target, server);
        }
      });
  task->then_notify("peerdb_drop_mirror", table.schema());
  TableNames::Left undone{.names = {}, .awaited = tools_.names.await(table, *task)};
  if (!keep) std::ranges::transform(targets, std::back_inserter(undone.names), &TargetTable::name);
  task->dropped = [this, oid = table.record.oid, undone = std::move(undone)](StepEnd end) {
    MirroredTable* found = parts_.registry.find(oid);
    auto* dropped = found == nullptr ? nullptr : found->as<Dropped>();
    if (dropped != nullptr) dropped->refused = end == StepEnd::Failed;
    // The table may be mirrored again, under another name perhaps.
    tools_.names.left(oid, undone);
  };
  tools_.steps.push(table, std::move(task));
}

void TableDrops::failed(MirroredTable& table, const Error& error) {
  log::error("{} is dropped, and its target cannot be: {}", table.name(), error.what());
  tools_.healing.failed(table.record.oid, error.code());
  put_on_record(table, error);
}

void TableDrops::not_reached(MirroredTable& table, const Error& error) {
  if (!table.awaited.empty()) put_on_record(table, error);
  push(table);
}

void TableDrops::put_on_record(MirroredTable& table, const Error& error) {
  table.record.error = error.message();
  table.record.error_lsn = parts_.watermark.ended();
  auto task = tools_.steps.make(table, nullptr, "drop_failed", error.what());
  task->insist();
  tools_.steps.push(table, std::move(task));
}

void TableDrops::forget_old(Lsn confirmed) {
  std::vector<Oid> gone;
  parts_.registry.for_each([&](MirroredTable& table) {
    const bool dropped = table.is<Dropped>() && table.record.error.empty();
    if (dropped && *table.record.dropped <= confirmed && parts_.lanes.depth(*table.lane) == 0) {
      gone.push_back(table.record.oid);
    }
    if (!table.record.copied || confirmed < *table.record.copied) return;
    table.record.copied.reset();
    table.record.copy_snapshot.clear();
  });
  for (Oid oid : gone) {
    parts_.registry.remove(oid);
    tools_.healing.forget(oid);
    tools_.types.forget(oid);
  }
}

}  // namespace echodb
