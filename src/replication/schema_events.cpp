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

/// Before a table's copy begins anew: what is known of an earlier one no longer counts, and a lane that waits for it
/// goes on.
void SchemaEvents::forget_copy(MirroredTable& table) {
  if (table.gate != nullptr && table.record.state == TableState::Copying) parts_.copier.cancel(table.record.oid);
  parts_.lanes.let_go(table.lane);
  table.record.rows_copied = 0;
  table.record.copy_snapshot.clear();
  table.copied_to.reset();
  table.copy_job = 0;
  table.gate = nullptr;
}

/// The copy starts when the step is done. A keyless table's lane then waits for it: later deletes need its rows.
void SchemaEvents::start_copy(MirroredTable& table, SchemaTask& task, bool resume) {
  bool is_bag = table.schema().key().empty();
  table.gate = is_bag ? std::make_shared<CopyGate>() : nullptr;
  table.copy_job = ++last_copy_job_;
  CopyJob job{.id = table.copy_job,
              .stream = parts_.stream,
              .table = table.record.oid,
              .schema = table.schema(),
              .target = parts_.registry.write_target(table),
              .gate = table.gate,
              .resume = resume};
  task.finally([&copier = parts_.copier, &lanes = parts_.lanes, lane = table.lane, is_bag, job,
                releases = parts_.lanes.releases(*table.lane)] {
    if (is_bag && !lanes.hold(lane, releases)) return;
    copier.start(job);
  });
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

void SchemaEvents::recopy(MirroredTable& table, const TableVersion& version, Lsn floor, const std::string& reason) {
  log::info("copying {} again: {}", table.name(), reason);
  forget_copy(table);
  table.record.floor = floor;
  table.record.state = TableState::Copying;
  table.record.shadow = true;
  table.record.error.clear();
  table.record.error_lsn.reset();
  parts_.registry.add_version(table, version);
  auto definition = table_definition(table.schema(), parts_.registry.shadow(table), parts_.registry.server());
  auto task = task_for(table, &version, "copy_again", reason);
  task->then([definition, server = parts_.registry.server(), oid = table.record.oid, &copier = parts_.copier,
              &catalog = parts_.catalog, stream = parts_.stream](WriterTools& tools) {
    copier.cancel(oid);
    create_shadow(tools.clickhouse, definition, server);
    catalog.replace_ranges(stream, oid, {});
  });
  start_copy(table, *task, /*resume=*/false);
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

/// Empties what is being filled and begins the copy anew.
void SchemaEvents::copy_from_start(MirroredTable& table, std::string event, std::string detail) {
  forget_copy(table);
  auto task = task_for(table, nullptr, std::move(event), std::move(detail));
  task->then([oid = table.record.oid, &copier = parts_.copier, &catalog = parts_.catalog,
              stream = parts_.stream](WriterTools&) {
    copier.cancel(oid);
    catalog.replace_ranges(stream, oid, {});
  });
  task->then({truncate_table_sql(parts_.registry.write_target(table))});
  start_copy(table, *task, /*resume=*/false);
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

/// Copies the table again because someone asked for it, or because it had stopped. No lock was held when the message
/// was written, so a transaction that changed the table before it may commit after it: the floor stays where it is.
void SchemaEvents::resync(MirroredTable& table, const TableVersion& version) {
  if (table.record.state == TableState::Dropped) return;
  Lsn floor = table.record.floor;
  parts_.batcher.seal(table);
  recopy(table, version, floor, "a new copy was asked for");
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

void SchemaEvents::copy_event(const CopyEvent& event) {
  MirroredTable* table = parts_.registry.find(event.table);
  if (table == nullptr || table->record.state != TableState::Copying || table->copy_job != event.job) return;
  switch (event.kind) {
    case CopyEvent::Kind::SnapshotTaken:
      // Stored with the end of the copy: a copy cut short begins anew, with another snapshot.
      table->record.copy_snapshot = event.snapshot;
      break;
    case CopyEvent::Kind::Finished:
      table->record.rows_copied = event.rows;
      table->copied_to = event.seen_to;
      break;
    case CopyEvent::Kind::Failed:
      if (event.again) {
        copy_from_start(*table, "copy_begun_again", event.failure->what());
      } else {
        fail(*table, *event.failure, parts_.watermark.ended());
      }
      break;
  }
}

void SchemaEvents::finish_copies() {
  parts_.registry.for_each([&](MirroredTable& table) {
    if (table.record.state != TableState::Copying || !table.copied_to || parts_.watermark.ended() < *table.copied_to)
      return;
    parts_.batcher.seal(table);
    bool shadow = std::exchange(table.record.shadow, false);
    healing_.erase(table.record.oid);
    table.record.state = TableState::Streaming;
    auto task = task_for(table, nullptr, "copied", fmt::format("{} rows", table.record.rows_copied));
    if (shadow) {
      TablePair pair{parts_.registry.target(table), parts_.registry.shadow(table)};
      task->then([pair, server = parts_.registry.server()](WriterTools& tools) {
        exchange_shadow(tools.clickhouse, pair, server);
      });
    }
    push(table, std::move(task));
    parts_.lanes.let_go(table.lane);
    log::info("copied: {}, {} rows", table.name(), table.record.rows_copied);
  });
}

void SchemaEvents::resume(Lsn source_position) {
  parts_.registry.for_each([&](MirroredTable& table) { resume_table(table, source_position); });
}

void SchemaEvents::resume_table(MirroredTable& table, Lsn source_position) {
  note_text_fallbacks(table);
  if (table.record.state == TableState::Error) schedule_healing(table.record.oid);
  if (!table.record.copy_snapshot.empty() && table.record.state == TableState::Streaming) {
    table.gate = std::make_shared<CopyGate>();
    table.gate->visibility = CopyVisibility::parse(table.record.copy_snapshot);
    table.copied_to = source_position;
  }
  if (table.record.state != TableState::Pending && table.record.state != TableState::Copying) return;
  bool is_bag = table.schema().key().empty();
  bool resume = table.record.state == TableState::Copying && !is_bag;
  bool first = table.record.state == TableState::Pending;
  table.record.state = TableState::Copying;
  auto definition = table_definition(table.schema(), parts_.registry.write_target(table), parts_.registry.server());
  auto task = task_for(table, nullptr, first ? "mirror_created" : "", table.name());
  CreateOptions options{.keep_existing = parts_.settings.on_drop == OnDrop::Keep, .at = source_position};
  task->then([definition, resume, shadow = table.record.shadow, options,
              server = parts_.registry.server()](WriterTools& tools) {
    if (resume) {
      tools.clickhouse.query(create_table_sql(definition, server));
    } else if (shadow) {
      create_shadow(tools.clickhouse, definition, server);
    } else {
      create_target(tools.clickhouse, definition, server, options);
    }
  });
  start_copy(table, *task, resume);
  push(table, std::move(task));
  if (first) ++counters_.created;
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
