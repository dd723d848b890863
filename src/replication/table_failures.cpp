#include "replication/table_failures.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/log.h"

namespace echodb {

void TableFailures::fail(MirroredTable& table, const Error& error, Lsn lsn) {
  if (std::optional<Watermark::Ticket> ticket = parts_.batcher.discard(table)) table.owed.push_back(*ticket);
  if (const Column* column = column_to_widen(table, error)) return widen(table, *column, error, lsn);
  log::error("{} stops at {}: {}", table.name(), to_string(lsn), error.what());
  copies_.forget(table);
  table.enter<Stopped>();
  table.record.error = error.message();
  table.record.error_lsn = lsn;
  tools_.healing.failed(table.record.oid, error.code());
  auto task = tools_.steps.make(table, &table.versions.back().version, "mirror_failed", error.what());
  task->then([oid = table.record.oid, &copier = parts_.copier](WriterTools&) { copier.cancel(oid); });
  task->insist();
  tools_.steps.push(table, std::move(task));
  ++tools_.counters.failed;
}

void TableFailures::follow(MirroredTable& table, const TableVersion& version, const std::function<void()>& step) {
  try {
    step();
  } catch (const Error& error) {
    log::warn("{} at {}: {}", table.name(), to_string(version.lsn), error.what());
    parts_.batcher.seal(table);
    parts_.registry.add_version(table, version);
    fail(table, error, version.lsn);
  }
}

/// The column whose type cannot hold a value that came; nullptr when something else is wrong.
const Column* TableFailures::column_to_widen(const MirroredTable& table, const Error& error) const {
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
void TableFailures::widen(MirroredTable& table, const Column& column, const Error& error, Lsn lsn) {
  const std::int16_t attnum = column.attnum;
  const ColumnWidth width = parts_.registry.width_for(table, column, error);
  parts_.registry.widen(table, {.attnum = attnum, .since = lsn, .width = width});
  std::string reason = fmt::format("{} at {}: {} becomes {}", error.what(), to_string(lsn), column.name,
                                   tools_.types.for_people(table, attnum));
  log::warn("{}: {}", table.name(), reason);
  copies_.copy_again(table, table.versions.back().version, {.floor = table.record.floor, .reason = reason});
  tools_.types.note(table);
}

/// The dropped steps' tickets stay open until the failure is on record.
void TableFailures::lane_failed(const LaneEvent& event) {
  LaneEvent dropped = parts_.lanes.reset(event.lane);
  parts_.batcher.written(dropped.bytes);
  for (StepEnd end = StepEnd::Failed; const std::unique_ptr<LaneTask>& step : dropped.dropped) {
    if (step->dropped) step->dropped(end);
    end = StepEnd::NotReached;
  }
  parts_.registry.for_each([&](MirroredTable& table) {
    if (table.lane != event.lane) return;
    std::ranges::copy(std::exchange(dropped.tickets, {}), std::back_inserter(table.owed));
    const auto* gone = table.as<Dropped>();
    if (gone == nullptr) {
      fail(table, *event.failure, parts_.watermark.ended());
    } else if (gone->refused) {
      drops_.failed(table, *event.failure);
    } else {
      drops_.not_reached(table, *event.failure);
    }
    table.check_invariants();
  });
  if (std::optional<Oid> relation = tools_.beside.relation_of(event.lane)) {
    beside_failed(*relation, event, dropped.tickets);
  }
  for (Watermark::Ticket ticket : dropped.tickets) parts_.watermark.close(ticket);
}

void TableFailures::beside_failed(Oid oid, const LaneEvent& event, std::vector<Watermark::Ticket>& tickets) {
  MirroredTable* table = parts_.registry.find(oid);
  if (table == nullptr) return;
  if (table->is<Stopped>()) {
    log::warn("{} cannot be copied again yet: {}", table->name(), event.failure->what());
    tools_.healing.failed(oid, event.failure->code());
  }
  const Followed* of = table->followed();
  if (of == nullptr || !of->lost) return;
  // Nobody can say what the table is now.
  std::ranges::copy(std::exchange(tickets, {}), std::back_inserter(table->owed));
  fail(*table, *event.failure, of->lost->since);
  table->check_invariants();
}

void TableFailures::heal() {
  for (Oid oid : tools_.healing.take_due()) {
    log::info("trying relation {} again", oid);
    MirroredTable* table = parts_.registry.find(oid);
    if (table != nullptr && table->is<Dropped>()) {
      drops_.push(*table);
    } else {
      tools_.beside.resync(oid);
    }
  }
}

}  // namespace echodb
