#include "replication/schema_events.h"

#include <fmt/format.h>

#include "base/log.h"
#include "replication/target_steps.h"

namespace echodb {
namespace {

/// `CREATE TABLE` fires its trigger before the table's first row; the rows of CREATE TABLE AS come before.
bool born_empty(const TableMessage& message) { return message.tag == "CREATE TABLE" && message.published; }

// A table that stopped is tried again after a minute, then after two, four, … up to an hour.
constexpr std::chrono::minutes kHealPauseFirst{1};
constexpr std::chrono::minutes kHealPauseMax{60};
constexpr int kHealDoublingsMax = 6;

bool same_but_for_storage(TableSchema left, const TableSchema& right) {
  left.relfilenode = right.relfilenode;
  return left == right;
}

}  // namespace

std::unique_ptr<SchemaTask> SchemaEvents::task_for(const MirroredTable& table, const TableVersion* version,
                                                   std::string event, std::string detail) {
  SchemaTask::Record record{.stream = parts_.stream,
                            .table = table.record,
                            .version = version == nullptr ? std::nullopt : std::optional(*version),
                            .event = std::move(event),
                            .detail = std::move(detail)};
  return std::make_unique<SchemaTask>(parts_.catalog, std::move(record));
}

void SchemaEvents::push(MirroredTable& table, std::unique_ptr<SchemaTask> task) {
  task->tickets.push_back(parts_.watermark.open());
  parts_.lanes.push(table.lane, std::move(task));
}

void SchemaEvents::apply(const DdlMessage& message, Lsn lsn) {
  std::visit([&](const auto& of_kind) { on(of_kind, lsn); }, message);
}

void SchemaEvents::on(const TableMessage& message, Lsn lsn) {
  MirroredTable* table = parts_.registry.find(message.schema.oid);
  bool watched_again = table != nullptr && table->record.state == TableState::Dropped && message.published &&
                       lsn > *table->record.dropped;
  if (table == nullptr || watched_again) return created(message, lsn);
  bool replayed = lsn <= table->versions.back().version.lsn || lsn <= table->record.floor;
  if (replayed) return;
  if (message.tag == kResyncTag)
    return resync(*table, {.lsn = lsn, .schema = message.schema, .snapshot = message.snapshot});
  if (table->followed()) changed(*table, message, lsn);
}

void SchemaEvents::created(const TableMessage& message, Lsn lsn) {
  TableVersion version{.lsn = lsn, .schema = message.schema, .snapshot = message.snapshot};
  bool empty = born_empty(message);
  MirroredTable& table = parts_.registry.add(
      {.oid = message.schema.oid, .state = empty ? TableState::Streaming : TableState::Copying, .floor = lsn}, version);
  auto definition = table_definition(table.schema(), parts_.registry.target(table), parts_.registry.server());
  auto task =
      task_for(table, &version, "mirror_created", fmt::format("{} as {}", table.name(), table.record.target_name));
  CreateOptions options{.keep_existing = parts_.settings.on_drop == OnDrop::Keep, .at = lsn};
  task->then([definition, options, server = parts_.registry.server()](WriterTools& tools) {
    create_target(tools.clickhouse, definition, server, options);
  });
  if (!empty) start_copy(table, *task, /*resume=*/false);
  push(table, std::move(task));
  ++counters_.created;
  note_text_fallbacks(table);
  log::info("mirror created: {} -> {}{}", table.name(), table.record.target_name, empty ? "" : ", copying its rows");
}

void SchemaEvents::changed(MirroredTable& table, const TableMessage& message, Lsn lsn) {
  bool rewritten = std::exchange(table.rewritten, false);
  if (!rewritten && same_but_for_storage(table.schema(), message.schema)) return;
  TableVersion version{.lsn = lsn, .schema = message.schema, .snapshot = message.snapshot};
  parts_.batcher.seal(table);
  TableSchema before = table.schema();
  bool renamed = before.name != message.schema.name || before.schema != message.schema.schema;
  if (renamed) rename(table, message.schema);
  SchemaChange change = compare_schemas({.before = before, .after = message.schema, .rewritten = rewritten},
                                        parts_.registry.write_target(table), parts_.registry.server());
  using Effort = SchemaChange::Effort;
  bool copying = table.record.state == TableState::Copying;
  bool copied_as_it_was =
      copying && (change.effort == Effort::Rebuild || (change.effort == Effort::Alter && table.gate != nullptr));
  if (change.effort == Effort::Recopy || copied_as_it_was) return recopy(table, version, version.lsn, change.reason);
  alter(table, version, std::move(change), message.tag);
}

void SchemaEvents::alter(MirroredTable& table, const TableVersion& version, SchemaChange change,
                         const std::string& tag) {
  using Effort = SchemaChange::Effort;
  if (change.effort == Effort::Rebuild) table.record.floor = version.lsn;
  parts_.registry.add_version(table, version);
  auto task = task_for(table, &version, change.effort == Effort::Nothing ? "" : "schema_changed", tag);
  bool copying = table.record.state == TableState::Copying && change.effort != Effort::Nothing;
  if (copying) task->then([oid = table.record.oid, &copier = parts_.copier](WriterTools&) { copier.cancel(oid); });
  task->then(change.statements);
  if (change.effort == Effort::Rebuild) {
    Rebuild rebuild{.tables = {parts_.registry.target(table), parts_.registry.shadow(table)},
                    .shadow = table_definition(table.schema(), parts_.registry.shadow(table), parts_.registry.server()),
                    .renames = std::move(change.key_renames)};
    task->then([rebuild = std::move(rebuild), server = parts_.registry.server()](WriterTools& tools) {
      rebuild_target(tools.clickhouse, rebuild, server);
    });
  }
  // The copy goes on with the new names, at the next range.
  if (copying) start_copy(table, *task, /*resume=*/true);
  push(table, std::move(task));
  note_text_fallbacks(table);
  log::info("schema changed: {} by {}", table.name(), tag);
}

void SchemaEvents::rename(MirroredTable& table, const TableSchema& schema) {
  TablePair before{parts_.registry.target(table), parts_.registry.shadow(table)};
  parts_.registry.rename_target(table, parts_.registry.free_target_name(schema.schema, schema.name));
  TablePair after{parts_.registry.target(table), parts_.registry.shadow(table)};
  bool copying = table.record.state == TableState::Copying;
  auto task = task_for(table, nullptr, "table_renamed", schema.qualified_name());
  task->then([before, after, copying, oid = table.record.oid, &copier = parts_.copier](WriterTools& tools) {
    if (copying) copier.cancel(oid);
    rename_target(tools.clickhouse, before.target, after.target);
    rename_target(tools.clickhouse, before.shadow, after.shadow);
  });
  if (copying) start_copy(table, *task, /*resume=*/table.gate == nullptr);
  push(table, std::move(task));
}

void SchemaEvents::truncate(MirroredTable& table, Lsn lsn) {
  parts_.batcher.seal(table);
  table.record.floor = lsn;
  if (table.record.state == TableState::Copying) return copy_from_start(table, "truncated", "");
  auto task = task_for(table, nullptr, "truncated");
  task->then({truncate_table_sql(parts_.registry.write_target(table))});
  push(table, std::move(task));
}

void SchemaEvents::on(const DropMessage& message, Lsn lsn) {
  MirroredTable* table = parts_.registry.find(message.oid);
  if (table == nullptr || table->record.state == TableState::Dropped || lsn <= table->record.floor) return;
  drop(*table, lsn);
}

void SchemaEvents::drop(MirroredTable& table, Lsn lsn) {
  parts_.batcher.seal(table);
  forget_copy(table);
  table.record.state = TableState::Dropped;
  healing_.erase(table.record.oid);
  fallback_types_.erase(table.record.oid);
  table.record.dropped = lsn;
  bool keep = parts_.settings.on_drop == OnDrop::Keep;
  auto task = task_for(table, nullptr, "mirror_dropped", table.name());
  task->then([oid = table.record.oid, &copier = parts_.copier](WriterTools&) { copier.cancel(oid); });
  std::vector<std::string> statements{drop_table_sql(parts_.registry.shadow(table))};
  if (!keep) statements.push_back(drop_table_sql(parts_.registry.target(table)));
  task->then(statements);
  push(table, std::move(task));
  ++counters_.dropped;
  log::info("mirror dropped: {}{}", table.name(), keep ? ", its target table is kept" : "");
}

void SchemaEvents::on(const RewriteMessage& message, Lsn lsn) {
  MirroredTable* table = parts_.registry.find(message.oid);
  if (table != nullptr && table->followed() && lsn > table->versions.back().version.lsn) table->rewritten = true;
}

void SchemaEvents::on(const UnwatchMessage& message, Lsn lsn) { on(DropMessage{message.oid}, lsn); }

/// The source is asked to describe the table again; what happened in between is unknown, so its rows are copied again.
void SchemaEvents::on(const LostMessage& message, Lsn lsn) {
  MirroredTable* table = parts_.registry.find(message.oid);
  if (table != nullptr && (!table->followed() || lsn <= table->record.floor)) return;
  if (table != nullptr) table->rewritten = true;
  log::warn("the source could not record a schema change of relation {}: {}", message.oid, message.reason);
  describe(message.oid, kDescribeTag);
}

void SchemaEvents::describe(Oid oid, std::string_view tag) {
  auto task = std::make_unique<DescribeTask>(oid, tag);
  task->tickets.push_back(parts_.watermark.open());
  parts_.lanes.push(describe_lane_, std::move(task));
}

/// Tables that stopped are copied again, ever more seldom, in case what stopped them has been put right.
void SchemaEvents::heal() {
  auto now = std::chrono::steady_clock::now();
  for (auto& [oid, healing] : healing_) {
    if (healing.at > now) continue;
    healing.at = std::chrono::steady_clock::time_point::max();
    log::info("trying relation {} again", oid);
    describe(oid, kResyncTag);
  }
}

void SchemaEvents::fail(MirroredTable& table, const Error& error, Lsn lsn) {
  log::error("{} stops at {}: {}", table.name(), to_string(lsn), error.what());
  std::optional<Watermark::Ticket> ticket = parts_.batcher.discard(table);
  forget_copy(table);
  table.record.state = TableState::Error;
  table.record.error = error.message();
  table.record.error_lsn = lsn;
  schedule_healing(table.record.oid);
  auto task = task_for(table, nullptr, "mirror_failed", error.what());
  task->then([oid = table.record.oid, &copier = parts_.copier](WriterTools&) { copier.cancel(oid); });
  if (ticket) task->tickets.push_back(*ticket);
  push(table, std::move(task));
  ++counters_.failed;
}

void SchemaEvents::schedule_healing(Oid oid) {
  Healing& healing = healing_[oid];
  auto pause = std::min(kHealPauseFirst * (1 << std::min(healing.attempts++, kHealDoublingsMax)), kHealPauseMax);
  healing.at = std::chrono::steady_clock::now() + pause;
}

void SchemaEvents::lane_failed(const LaneEvent& event) {
  LaneEvent dropped = parts_.lanes.reset(event.lane);
  parts_.batcher.written(dropped.bytes);
  bool handed_on = false;
  parts_.registry.for_each([&](MirroredTable& table) {
    if (table.lane != event.lane || table.record.state == TableState::Dropped) return;
    fail(table, *event.failure, parts_.watermark.ended());
    // The dropped steps' tickets stay open until the failure is on record.
    auto keeper = task_for(table, nullptr, "");
    if (!handed_on) keeper->tickets = dropped.tickets;
    handed_on = true;
    push(table, std::move(keeper));
  });
  if (!handed_on) {
    for (Watermark::Ticket ticket : dropped.tickets) parts_.watermark.close(ticket);
  }
}

void SchemaEvents::note_text_fallbacks(const MirroredTable& table) {
  std::vector<std::string> types;
  for (const Column& column : table.schema().columns) {
    if (!column_target_type(column, parts_.registry.server()).fell_back_to_text) continue;
    types.push_back(column.type.declared);
    log::info("{}.{} is of type {}, which arrives as its text", table.name(), column.name, column.type.declared);
  }
  fallback_types_[table.record.oid] = std::move(types);
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
