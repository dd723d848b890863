// The part of SchemaEvents for what goes wrong with one table: it stops and heals, or a column of it becomes text.

#include <algorithm>
#include <iterator>

#include "base/log.h"
#include "replication/schema_events.h"

namespace echodb {
namespace {

// A table that stopped is tried again after a minute, then after two, four, … up to an hour.
constexpr std::chrono::minutes kHealPauseFirst{1};
constexpr std::chrono::minutes kHealPauseMax{60};
constexpr int kHealDoublingsMax = 6;
constexpr std::chrono::milliseconds kHealPauseSchema{500};

}  // namespace

void SchemaEvents::fail(MirroredTable& table, const Error& error, Lsn lsn, std::vector<Watermark::Ticket> tickets) {
  if (std::optional<Watermark::Ticket> ticket = parts_.batcher.discard(table)) tickets.push_back(*ticket);
  if (const Column* column = column_to_widen(table, error)) return widen(table, *column, error, lsn, tickets);
  log::error("{} stops at {}: {}", table.name(), to_string(lsn), error.what());
  forget_copy(table);
  table.record.state = TableState::Error;
  table.record.error = error.message();
  table.record.error_lsn = lsn;
  schedule_healing(table.record.oid, error.code());
  auto task = task_for(table, &table.versions.back().version, "mirror_failed", error.what());
  task->then([oid = table.record.oid, &copier = parts_.copier](WriterTools&) { copier.cancel(oid); });
  std::ranges::copy(end_loss(table), std::back_inserter(tickets));
  task->tickets = std::move(tickets);
  push(table, std::move(task));
  ++counters_.failed;
}

/// The column whose type cannot hold a value that came; nullptr when something else is wrong.
const Column* SchemaEvents::column_to_widen(const MirroredTable& table, const Error& error) const {
  if (error.code() != ErrorCode::UnsupportedValue) return nullptr;
  const std::vector<Column>& columns = table.schema().columns;
  auto found = std::ranges::find(columns, error.detail("column"), &Column::name);
  if (found == columns.end() || found->width == ColumnWidth::Text) return nullptr;
  const bool text_wanted = parts_.settings.unsupported_values == UnsupportedValues::Text;
  return text_wanted || parts_.registry.width_for(table, *found, error) != ColumnWidth::Text ? &*found : nullptr;
}

/// Nothing is lost and nothing is put in a value's place: the column gets a wider type, in the end text, which holds
/// everything, and the table is copied again behind its readers' backs. What was read and not written yet is in the
/// copy.
void SchemaEvents::widen(MirroredTable& table, const Column& column, const Error& error, Lsn lsn,
                         std::vector<Watermark::Ticket> tickets) {
  const std::int16_t attnum = column.attnum;
  const ColumnWidth width = parts_.registry.width_for(table, column, error);
  parts_.registry.widen(table, {.attnum = attnum, .since = lsn, .width = width});
  std::string reason =
      fmt::format("{} at {}: {} becomes {}", error.what(), to_string(lsn), column.name, type_for_people(table, attnum));
  log::warn("{}: {}", table.name(), reason);
  recopy(table, table.versions.back().version,
         {.floor = table.record.floor, .reason = reason, .tickets = std::move(tickets)});
  note_types(table);
}

void SchemaEvents::lane_failed(const LaneEvent& event) {
  LaneEvent dropped = parts_.lanes.reset(event.lane);
  parts_.batcher.written(dropped.bytes);
  for (StepEnd end = StepEnd::Failed; const std::unique_ptr<LaneTask>& step : dropped.dropped) {
    if (step->dropped) step->dropped(end);
    end = StepEnd::NotReached;
  }
  // The dropped steps' tickets stay open until the failure is on record.
  parts_.registry.for_each([&](MirroredTable& table) {
    if (table.lane != event.lane) return;
    if (table.record.state != TableState::Dropped) {
      return fail(table, *event.failure, parts_.watermark.ended(), std::exchange(dropped.tickets, {}));
    }
    std::ranges::copy(std::exchange(dropped.tickets, {}), std::back_inserter(table.owed));
    if (table.drop_failed) return drop_failed(table, *event.failure);
    push_drop(table);
  });
  for (const auto& [oid, lane] : lanes_beside_) {
    MirroredTable* table = lane == event.lane ? parts_.registry.find(oid) : nullptr;
    if (table == nullptr) continue;
    if (table->record.state == TableState::Error) {
      log::warn("{} cannot be copied again yet: {}", table->name(), event.failure->what());
      schedule_healing(oid, event.failure->code());
    }
    if (!table->lost) continue;
    // Nobody can say what the table is now.
    fail(*table, *event.failure, table->lost->since, std::exchange(dropped.tickets, {}));
  }
  for (Watermark::Ticket ticket : dropped.tickets) parts_.watermark.close(ticket);
}

/// It is on record that the target is still there, and it is dropped when its time has come.
void SchemaEvents::drop_failed(MirroredTable& table, const Error& error) {
  log::error("{} is dropped, and its target cannot be: {}", table.name(), error.what());
  table.record.error = error.message();
  table.record.error_lsn = parts_.watermark.ended();
  schedule_healing(table.record.oid, error.code());
  push(table, task_for(table, nullptr, "drop_failed", error.what()));
}

void SchemaEvents::leave_in_log(std::size_t buffered) {
  MirroredTable* most = nullptr;
  std::size_t blocked = 0;
  std::size_t most_bytes = 0;
  parts_.registry.for_each([&](MirroredTable& table) {
    const std::size_t bytes = parts_.lanes.blocked_bytes(*table.lane);
    blocked += bytes;
    if (bytes <= most_bytes) return;
    most = &table;
    most_bytes = bytes;
  });
  if (most == nullptr || 2 * blocked < buffered) return;
  if (!most->followed()) return give_up(most->lane, Error(ErrorCode::TargetOverloaded, "they have filled the memory"));
  LaneEvent dropped = parts_.lanes.drop_rows(most->lane);
  parts_.batcher.written(dropped.bytes);
  if (std::optional<Watermark::Ticket> ticket = parts_.batcher.discard(*most)) dropped.tickets.push_back(*ticket);
  log::info("{}: memory is full of its rows, which wait for a copy: they are left in the log until they can be written",
            most->name());
  std::ranges::copy(dropped.tickets, std::back_inserter(most->left_in_log));
  left_in_log_.insert(most->record.oid);
}

/// Not while another table without a key is being copied: its copy, one transaction, would begin anew.
bool SchemaEvents::must_read_again() {
  if (left_in_log_.empty()) return false;
  bool copying = false;
  parts_.registry.for_each([&](MirroredTable& table) {
    if (table.record.state != TableState::Copying || table.gate == nullptr) return;
    copying = copying || table.gate->has_passed();
  });
  return !copying && std::ranges::any_of(left_in_log_, [this](Oid oid) {
    const MirroredTable* table = parts_.registry.find(oid);
    if (table == nullptr) return false;
    const bool copying_whole = table->record.state == TableState::Copying && table->gate != nullptr;
    return !copying_whole && parts_.lanes.depth(*table->lane) == 0;
  });
}

/// The dropped steps' tickets stay open until it is on record that the table has to be copied: no position is confirmed
/// before, and whoever comes after a crash finds either the rows or the record.
void SchemaEvents::give_up(const std::shared_ptr<Lane>& lane, const Error& reason) {
  MirroredTable* found = nullptr;
  parts_.registry.for_each([&](MirroredTable& table) {
    if (table.lane == lane && (found == nullptr || table.followed())) found = &table;
  });
  LaneEvent dropped = parts_.lanes.drop_rows(lane);
  parts_.batcher.written(dropped.bytes);
  if (found != nullptr && found->followed()) {
    return fail(*found, reason, parts_.watermark.ended(), std::move(dropped.tickets));
  }
  // It has stopped or gone already, and the step that puts that on record stands before this one.
  log::warn("{}: what it had left to write is dropped: {}", lane->name(), reason.what());
  auto task = std::make_unique<JournalTask>(
      parts_.catalog,
      StreamCatalog::JournalEntry{
          .table = found == nullptr ? 0 : found->record.oid, .event = "rows_dropped", .detail = reason.what()});
  task->tickets = std::move(dropped.tickets);
  parts_.lanes.push(lane, std::move(task));
}

void SchemaEvents::on(const RefusedMessage& message, Lsn lsn) {
  log::warn("{} is not mirrored: {}", message.table, message.reason);
  StreamCatalog::JournalEntry entry{
      .table = message.oid,
      .event = "table_refused",
      .detail = fmt::format("{} at {}: {}", message.table, to_string(lsn), message.reason)};
  push_beside(message.oid, std::make_unique<JournalTask>(parts_.catalog, std::move(entry)));
}

/// Tables that stopped are copied again, ever more seldom, in case what stopped them has been put right.
void SchemaEvents::heal() {
  auto now = SteadyClock::now();
  for (auto& [oid, healing] : healing_) {
    if (healing.at > now) continue;
    healing.at = SteadyClock::time_point::max();
    log::info("trying relation {} again", oid);
    MirroredTable* table = parts_.registry.find(oid);
    if (table != nullptr && table->record.state == TableState::Dropped) {
      push_drop(*table);
    } else {
      describe(oid, kResyncTag);
    }
  }
}

std::optional<std::chrono::seconds> SchemaEvents::next_attempt(Oid oid) const {
  using Clock = SteadyClock;
  auto found = healing_.find(oid);
  if (found == healing_.end() || found->second.at == Clock::time_point::max()) return std::nullopt;
  auto left = std::max(found->second.at - Clock::now(), Clock::duration::zero());
  return std::chrono::ceil<std::chrono::seconds>(left);
}

void SchemaEvents::schedule_healing(Oid oid, ErrorCode reason) {
  Healing& healing = healing_[oid];
  std::chrono::milliseconds pause =
      std::min(kHealPauseFirst * (1 << std::min(healing.attempts, kHealDoublingsMax)), kHealPauseMax);
  // A schema that we know wrongly is right after a copy.
  if (healing.attempts++ == 0 && reason == ErrorCode::SchemaMismatch) pause = kHealPauseSchema;
  healing.at = SteadyClock::now() + pause;
}

}  // namespace echodb
