#include "replication/table_copies.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "replication/target_steps.h"

namespace echodb {

void TableCopies::forget(MirroredTable& table) {
  if (table.is_copied_whole()) parts_.copier.cancel(table.record.oid);
  parts_.lanes.let_go(table.lane);
  table.record.rows_copied = 0;
  table.record.copy_snapshot.clear();
  table.record.copied.reset();
  table.owe_left_in_log();
  if (Followed* of = table.followed()) {
    of->copied_to.reset();
    of->gate = nullptr;
  }
  if (auto* copying = table.as<Copying>()) copying->job = 0;
}

void TableCopies::start(MirroredTable& table, SchemaTask& task, CopyStart how, int plans) {
  auto& copying = *table.as<Copying>();
  bool is_bag = table.schema().key().empty();
  copying.gate = is_bag ? std::make_shared<CopyGate>() : nullptr;
  copying.job = ++last_job_;
  CopyJob job{.id = copying.job,
              .stream = parts_.stream,
              .table = table.record.oid,
              .schema = table.schema(),
              .target = parts_.registry.write_target(table),
              .writers_before = writers_before(table),
              .must_see = tools_.recent.all(),
              .gate = copying.gate,
              .plans = plans,
              .resume = how == CopyStart::Resume};
  task.finally([&copier = parts_.copier, &lanes = parts_.lanes, lane = table.lane, is_bag, job,
                releases = parts_.lanes.releases(*table.lane)] {
    if (is_bag && !lanes.hold(lane, releases)) return;
    copier.start(job);
  });
}

/// Of whose rows the stream may have none although they are not visible yet: it has read them in an earlier run, or
/// they were written before the table was published. Whoever writes to the table now is found with those, and otherwise
/// only holds copies up: what it commits later is read later.
std::optional<Xid> TableCopies::writers_before(const MirroredTable& table) const {
  return table.written_unpublished ? std::nullopt : std::optional(tools_.recent.unknown_before());
}

void TableCopies::start_over(MirroredTable& table, std::string event, std::string detail, int plans) {
  // Rows that the copy that was given up did not see, and this one does, go before it.
  parts_.batcher.seal(table);
  forget(table);
  table.record.copy_begun = parts_.watermark.ended();
  auto task = tools_.steps.make(table, nullptr, std::move(event), std::move(detail));
  task->then(tools_.steps.drain_copies(table));
  task->then([forget_ranges = tools_.steps.forget_ranges(table)](WriterTools&) { forget_ranges(); });
  task->then([target = parts_.registry.write_target(table), server = parts_.registry.server()](WriterTools& tools) {
    empty_target(tools.clickhouse, target, server);
  });
  start(table, *task, CopyStart::FromStart, plans);
  tools_.steps.push(table, std::move(task));
}

void TableCopies::copy_again(MirroredTable& table, const std::optional<TableVersion>& version, Again copy) {
  log::info("copying {} again: {}", table.name(), copy.reason);
  forget(table);
  table.enter<Copying>();
  table.record.floor = copy.floor;
  table.record.copy_begun = parts_.watermark.ended();
  table.record.shadow = true;
  table.record.error.clear();
  table.record.error_lsn.reset();
  if (version) parts_.registry.add_version(table, *version);
  auto definition = table_definition(table.schema(), parts_.registry.shadow(table), parts_.registry.choices());
  auto task = tools_.steps.make(table, version ? &*version : nullptr, "copy_again", copy.reason);
  if (version) task->announce_target();
  // The ranges first: those of an earlier copy are of no use without the shadow that they went into.
  task->then(tools_.steps.drain_copies(table));
  task->then([definition, target = parts_.registry.target(table), server = parts_.registry.server(),
              forget_ranges = tools_.steps.forget_ranges(table)](WriterTools& tools) {
    forget_ranges();
    create_shadow(tools.clickhouse, target, definition, server);
  });
  start(table, *task, CopyStart::FromStart);
  tools_.steps.push(table, std::move(task));
}

void TableCopies::ask(const RecopyMessage& message) {
  RecopyMessage& asked = asked_.try_emplace(message.oid, message).first->second;
  asked.types_changed = asked.types_changed || message.types_changed;
}

void TableCopies::ask_for_rows_as_before(const MirroredTable& table) {
  if (asked_.contains(table.record.oid)) return;
  ask({.oid = table.record.oid, .reason = "rows of it were written before one of its types changed"});
}

/// The tables that the transaction changed without seeing them.
void TableCopies::ask_for_missed() {
  parts_.registry.for_each([&](const MirroredTable& table) {
    if (!tools_.type_changes.has_missed(table)) return;
    ask({.oid = table.record.oid, .reason = "one of its types has changed beside it", .types_changed = true});
  });
}

void TableCopies::transaction_ended(Lsn commit) {
  if (tools_.type_changes.has_changed()) ask_for_missed();
  for (Oid oid : tools_.type_changes.transaction_ended(commit)) {
    if (MirroredTable* table = parts_.registry.find(oid)) table->described = commit;
  }
  for (const auto& [oid, message] : std::exchange(asked_, {})) {
    MirroredTable* table = parts_.registry.find(oid);
    if (table == nullptr) continue;
    if (message.types_changed) table->note_types_changed(commit);
    if (table->followed() == nullptr) {
      // On record with the copy that follows; of a table that has stopped at once, because no copy follows yet.
      if (message.types_changed && table->is<Stopped>()) tools_.steps.put_on_record(*table);
      continue;
    }
    parts_.batcher.seal(*table);
    copy_again(*table, std::nullopt, {.floor = table->record.floor, .reason = message.reason});
  }
}

void TableCopies::await_reading(MirroredTable& table, Lsn position) {
  table.followed()->copied_to = position;
  unread_.insert(table.record.oid);
}

void TableCopies::finish() {
  std::erase_if(unread_, [this](Oid oid) {
    MirroredTable* table = parts_.registry.find(oid);
    Followed* of = table == nullptr ? nullptr : table->followed();
    if (of == nullptr || !of->copied_to) return true;
    if (parts_.watermark.ended() < *of->copied_to) return false;
    if (table->is<Copying>()) {
      if (of->gate != nullptr) table->record.copied = of->copied_to;
      copied(*table);
      of = table->followed();
    }
    // Whatever the copy's snapshot sees has been read by now.
    of->gate = nullptr;
    of->copied_to.reset();
    table->check_invariants();
    return true;
  });
}

void TableCopies::copied(MirroredTable& table) {
  parts_.batcher.seal(table);
  auto& streaming = table.enter<Streaming>();
  table.written_unpublished = false;
  bool shadow = std::exchange(table.record.shadow, false);
  tools_.healing.forget(table.record.oid);
  std::vector<std::string> earlier_names = TableNames::take_earlier(table);
  auto task = tools_.steps.make(table, nullptr, "copied", fmt::format("{} rows", table.record.rows_copied));
  task->then(tools_.steps.drain_copies(table));
  tools_.names.then_rename(table, *task, std::move(earlier_names));
  if (shadow) {
    TablePair pair{parts_.registry.target(table), parts_.registry.shadow(table)};
    task->then([pair, options = tools_.names.options(), server = parts_.registry.server()](WriterTools& tools) {
      exchange_shadow(tools.clickhouse, pair, server, options);
    });
    task->then_tidy([target = pair.target, server = parts_.registry.server()](WriterTools& tools) {
      remove_shadow_mark(tools.clickhouse, target, server);
    });
  }
  // Until this step is done, readers see what was there before the copy.
  streaming.settling = parts_.watermark.open();
  task->tickets.push_back(*streaming.settling);
  tools_.steps.push(table, std::move(task));
  parts_.lanes.let_go(table.lane);
  log::info("copied: {}, {} rows", table.name(), table.record.rows_copied);
}

}  // namespace echodb
