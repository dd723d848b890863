// The half of SchemaEvents that deals with copies: tables found at the start, copies made again, and their ends.

#include <fmt/format.h>

#include "base/log.h"
#include "replication/schema_events.h"
#include "replication/target_steps.h"

namespace echodb {

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

/// Copies the table again because someone asked for it, or because it had stopped. No lock was held when the message
/// was written, so a transaction that changed the table before it may commit after it: the floor stays where it is.
void SchemaEvents::resync(MirroredTable& table, const TableVersion& version) {
  if (table.record.state == TableState::Dropped) return;
  Lsn floor = table.record.floor;
  parts_.batcher.seal(table);
  recopy(table, version, floor, "a new copy was asked for");
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

}  // namespace echodb
