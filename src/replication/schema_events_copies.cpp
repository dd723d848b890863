// The half of SchemaEvents that deals with copies: tables found at the start, copies made again, and their ends.

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/log.h"
#include "replication/schema_events.h"
#include "replication/target_steps.h"

namespace echodb {
namespace {

/// Read from the log, a transaction may not be visible yet: the source tells its walsender of a commit a moment before
/// everybody else. This many of the last ones are made sure of.
constexpr std::size_t kRecentTransactions = 256;

}  // namespace

/// Before a table's copy begins anew: what is known of an earlier one no longer counts, and a lane that waits for it
/// goes on.
void SchemaEvents::forget_copy(MirroredTable& table) {
  if (table.gate != nullptr && table.record.state == TableState::Copying) parts_.copier.cancel(table.record.oid);
  parts_.lanes.let_go(table.lane);
  table.record.rows_copied = 0;
  table.record.copy_snapshot.clear();
  table.record.copied.reset();
  table.copied_to.reset();
  table.copy_job = 0;
  table.gate = nullptr;
  // What was left in the log is in the copy that follows, or of no use any more.
  std::ranges::move(std::exchange(table.left_in_log, {}), std::back_inserter(table.owed));
  left_in_log_.erase(table.record.oid);
}

/// The copy starts when the step is done. A keyless table's lane then waits for it: later deletes need its rows.
void SchemaEvents::start_copy(MirroredTable& table, SchemaTask& task, CopyStart how) {
  bool is_bag = table.schema().key().empty();
  table.gate = is_bag ? std::make_shared<CopyGate>() : nullptr;
  table.copy_job = ++last_copy_job_;
  CopyJob job{.id = table.copy_job,
              .stream = parts_.stream,
              .table = table.record.oid,
              .schema = table.schema(),
              .target = parts_.registry.write_target(table),
              .await_writers = how == CopyStart::NewlyPublished,
              .must_see = {recent_transactions_.begin(), recent_transactions_.end()},
              .gate = table.gate,
              .plans = std::exchange(table.plans, 0),
              .resume = how == CopyStart::Resume};
  task.finally([&copier = parts_.copier, &lanes = parts_.lanes, lane = table.lane, is_bag, job,
                releases = parts_.lanes.releases(*table.lane)] {
    if (is_bag && !lanes.hold(lane, releases)) return;
    copier.start(job);
  });
}

void SchemaEvents::transaction_began(Xid xid) {
  recent_transactions_.push_back(xid);
  if (recent_transactions_.size() > kRecentTransactions) recent_transactions_.pop_front();
}

/// What the rows are is known when the transaction is over; several such messages in it are one. Other transactions
/// may have changed the table before this message and commit after it, so the floor stays where it is, and a message
/// that is read again has the table copied again.
void SchemaEvents::on(const RecopyMessage& message, Lsn) { recopies_[message.oid] = message.reason; }

void SchemaEvents::transaction_ended() {
  for (const auto& [oid, reason] : std::exchange(recopies_, {})) {
    MirroredTable* table = parts_.registry.find(oid);
    if (table == nullptr || !table->followed()) continue;
    parts_.batcher.seal(*table);
    recopy(*table, std::nullopt, {.floor = table->record.floor, .reason = reason});
  }
}

void SchemaEvents::recopy(MirroredTable& table, const std::optional<TableVersion>& version, Recopy copy) {
  log::info("copying {} again: {}", table.name(), copy.reason);
  forget_copy(table);
  table.record.floor = copy.floor;
  table.record.state = TableState::Copying;
  table.record.shadow = true;
  table.record.error.clear();
  table.record.error_lsn.reset();
  if (version) parts_.registry.add_version(table, *version);
  auto definition = table_definition(table.schema(), parts_.registry.shadow(table), parts_.registry.choices());
  auto task = task_for(table, version ? &*version : nullptr, "copy_again", copy.reason);
  task->tickets = std::move(copy.tickets);
  // The ranges first: those of an earlier copy are of no use without the shadow that they went into.
  task->then([definition, target = parts_.registry.target(table), server = parts_.registry.server(),
              oid = table.record.oid, &copier = parts_.copier,
              forget_ranges = forget_ranges(table)](WriterTools& tools) {
    copier.cancel(oid);
    forget_ranges();
    create_shadow(tools.clickhouse, target, definition, server);
  });
  start_copy(table, *task, copy.start);
  push(table, std::move(task));
}

/// For a step: the next copy of the table begins with its first row.
std::function<void()> SchemaEvents::forget_ranges(const MirroredTable& table) const {
  return [&catalog = parts_.catalog, stream = parts_.stream, oid = table.record.oid] {
    catalog.replace_ranges(stream, oid, {});
  };
}

/// Empties what is being filled and begins the copy anew.
void SchemaEvents::copy_from_start(MirroredTable& table, std::string event, std::string detail) {
  forget_copy(table);
  auto task = task_for(table, nullptr, std::move(event), std::move(detail));
  task->then([oid = table.record.oid, &copier = parts_.copier, forget_ranges = forget_ranges(table)](WriterTools&) {
    copier.cancel(oid);
    forget_ranges();
  });
  task->then([target = parts_.registry.write_target(table), server = parts_.registry.server()](WriterTools& tools) {
    empty_target(tools.clickhouse, target, server);
  });
  start_copy(table, *task, CopyStart::FromStart);
  push(table, std::move(task));
}

/// Copies the table again because someone asked for it, or because it had stopped. No lock was held when the message
/// was written, so a transaction that changed the table before it may commit after it: the floor stays where it is.
void SchemaEvents::resync(MirroredTable& table, const TableVersion& version) {
  if (table.record.state == TableState::Dropped) return;
  Lsn floor = table.record.floor;
  parts_.batcher.seal(table);
  if (table.name() != version.schema.qualified_name()) rename(table, version.schema);
  // Another chance for columns that were widened: what they could not hold may be gone.
  table.record.widened_columns.clear();
  recopy(table, version, {.floor = floor, .reason = "a new copy was asked for", .tickets = end_loss(table)});
  note_types(table);
}

/// The table was in no publication for a while: what was changed meanwhile is not in the log. Whoever is still writing
/// to it now began before it was published, so the copy waits for them.
void SchemaEvents::published_again(MirroredTable& table, const TableVersion& version) {
  parts_.batcher.seal(table);
  table.rewrite = Rewrite::None;
  if (table.name() != version.schema.qualified_name()) rename(table, version.schema);
  TableVersion now = version;
  mark_widened(table.record, now.schema);
  recopy(table, now,
         {.floor = table.record.floor,
          .reason = "it was not published for a while",
          .tickets = end_loss(table),
          .start = CopyStart::NewlyPublished});
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
      await_reading(*table, event.seen_to);
      break;
    case CopyEvent::Kind::Failed:
      if (event.again) {
        table->plans = event.plans;
        copy_from_start(*table, "copy_begun_again", event.failure->what());
      } else {
        fail(*table, *event.failure, parts_.watermark.ended());
      }
      break;
  }
}

void SchemaEvents::await_reading(MirroredTable& table, Lsn position) {
  table.copied_to = position;
  copied_unread_.insert(table.record.oid);
}

void SchemaEvents::finish_copies() {
  std::erase_if(copied_unread_, [this](Oid oid) {
    MirroredTable* table = parts_.registry.find(oid);
    if (table == nullptr || !table->copied_to) return true;
    if (parts_.watermark.ended() < *table->copied_to) return false;
    if (table->record.state == TableState::Copying) {
      if (table->gate != nullptr) table->record.copied = table->copied_to;
      copied(*table);
    }
    // Whatever the copy's snapshot sees has been read by now.
    table->gate = nullptr;
    table->copied_to.reset();
    return true;
  });
}

/// The copy is in: the shadow takes the target's place.
void SchemaEvents::copied(MirroredTable& table) {
  parts_.batcher.seal(table);
  bool shadow = std::exchange(table.record.shadow, false);
  healing_.erase(table.record.oid);
  table.record.state = TableState::Streaming;
  std::string earlier_name = take_earlier_name(table);
  auto task = task_for(table, nullptr, "copied", fmt::format("{} rows", table.record.rows_copied));
  if (!earlier_name.empty()) then_rename(table, *task, std::move(earlier_name));
  if (shadow) {
    TablePair pair{parts_.registry.target(table), parts_.registry.shadow(table)};
    task->then([pair, server = parts_.registry.server()](WriterTools& tools) {
      exchange_shadow(tools.clickhouse, pair, server);
    });
    task->then_tidy([target = pair.target, server = parts_.registry.server()](WriterTools& tools) {
      remove_shadow_mark(tools.clickhouse, target, server);
    });
  }
  // Until this step is done, readers see what was there before the copy.
  table.settling = parts_.watermark.open();
  task->tickets.push_back(*table.settling);
  push(table, std::move(task));
  parts_.lanes.let_go(table.lane);
  log::info("copied: {}, {} rows", table.name(), table.record.rows_copied);
}

void SchemaEvents::forget_old(Lsn confirmed) {
  std::vector<Oid> gone;
  parts_.registry.for_each([&](MirroredTable& table) {
    const bool dropped = table.record.state == TableState::Dropped && table.record.error.empty();
    if (dropped && *table.record.dropped <= confirmed && parts_.lanes.depth(*table.lane) == 0) {
      gone.push_back(table.record.oid);
    }
    if (!table.record.copied || confirmed < *table.record.copied) return;
    table.record.copied.reset();
    table.record.copy_snapshot.clear();
  });
  for (Oid oid : gone) {
    parts_.registry.remove(oid);
    healing_.erase(oid);
    fallback_types_.erase(oid);
    kept_types_.erase(oid);
  }
}

}  // namespace echodb
