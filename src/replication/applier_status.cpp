// The applier's half that tells what it does: the part of the status that /metrics, /ready and `status` show.

#include <algorithm>

#include "base/utc_text.h"
#include "config/limits.h"
#include "replication/applier.h"

namespace echodb {
namespace {

std::vector<WidenedColumnStatus> widened_columns(const MirroredTable& table, const TableTypes& types) {
  std::vector<WidenedColumnStatus> columns;
  for (const WidenedColumn& widened : table.record.widened_columns) {
    const Column* column = table.schema().find_column(widened.attnum);
    if (column == nullptr) continue;
    columns.push_back(
        {.name = column->name, .type = types.for_people(table, widened.attnum), .since = to_string(widened.since)});
  }
  return columns;
}

std::vector<KeptColumnStatus> kept_columns(const MirroredTable& table, const TableTypes& types) {
  std::vector<KeptColumnStatus> columns;
  for (const KeptType& kept : types.kept_of(table.record.oid)) {
    columns.push_back({.name = kept.column, .type = kept.type, .today = kept.today});
  }
  return columns;
}

LagClock::Time wall_clock() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

}  // namespace

/// A value for which a column is widened is no error that lasts: the table's status names it.
void Applier::note_error(const Error& error) {
  const bool widens = error.code() == ErrorCode::UnsupportedValue && !error.detail("column").empty() &&
                      settings_.unsupported_values == UnsupportedValues::Text;
  if (widens) return;
  last_error_ = error.what();
  last_error_at_ = utc_text();
}

void Applier::report(WorkerStatus& status) {
  lag_.read(status.source_position, status.received, wall_clock());
  status.lag_ms = lag_.lag_ms(wall_clock());
  status.transactions = transactions_;
  status.buffered_bytes = batcher_.buffered_bytes();
  status.mirrors_created = life_.counters().created;
  status.mirrors_dropped = life_.counters().dropped;
  status.mirrors_failed = life_.counters().failed;
  status.retries = retries_;
  status.messages_skipped = messages_skipped_;
  status.last_error = last_error_;
  status.last_error_at = last_error_at_;
  status.rows_copied = copier_.progress().rows_copied;
  status.rows_to_copy = copier_.progress().rows_to_copy;
  status.rows_to_copy_known = copier_.progress().rows_to_copy_known;
  status.state = "streaming";
  status.text_fallbacks = life_.types().text_fallbacks();
  // What was dropped is tried no longer.
  std::erase_if(held_up_, [&](const auto& entry) { return lanes_.depth(*entry.first) == 0; });
  registry_.for_each([&](const MirroredTable& table) { report_table(status, table); });
  for (const auto& [lane, reason] : held_up_) {
    const std::optional<Oid> relation = life_.beside().relation_of(lane);
    if (!relation) continue;
    const MirroredTable* table = registry_.find(*relation);
    status.unanswered.push_back({.relation = table == nullptr ? lane->name() : table->name(), .reason = reason});
  }
  status.refused_for = refused_for(status.state == "copying");
}

void Applier::report_table(WorkerStatus& status, const MirroredTable& table) const {
  // One whose target could not be dropped is of interest until it is.
  const bool dropped = table.is<Dropped>();
  if (dropped && table.record.error.empty()) return;
  const auto* streaming = table.as<Streaming>();
  bool settling = streaming != nullptr && streaming->settling && watermark_.is_open(*streaming->settling);
  TableState state = settling ? TableState::Copying : dropped ? TableState::Error : table.record.state;
  if (state == TableState::Copying) status.state = "copying";
  status.rows_applied += table.rows_applied;
  const auto held_up = held_up_.find(table.lane);
  status.tables.push_back({.source = table.name(),
                           .target = table.record.target_name,
                           .state = std::string(to_string(state)),
                           .rows_copied = table.record.rows_copied,
                           .rows_applied = table.rows_applied,
                           .error = table.record.error,
                           .error_lsn = table.record.error_lsn ? to_string(*table.record.error_lsn) : std::string(),
                           .held_up = held_up == held_up_.end() ? std::string() : held_up->second,
                           .next_attempt = life_.healing().next_attempt(table.record.oid),
                           .text_columns = widened_columns(table, life_.types()),
                           .kept_types = kept_columns(table, life_.types())});
}

std::set<Oid> Applier::tables_at_work() {
  std::set<Oid> tables = life_.beside().at_work();
  registry_.for_each([&](const MirroredTable& table) {
    if (lanes_.depth(*table.lane) > 0) tables.insert(table.record.oid);
  });
  return tables;
}

/// A server that says nothing refuses as well, only later; while tables are copied, rows may wait for a copy.
std::chrono::milliseconds Applier::refused_for(bool copying) {
  auto now = SteadyClock::now();
  if (batcher_.buffered_bytes() == 0 || copying) through_at_ = now;
  auto since = now;
  if (now - through_at_ > limits::kSilentTargetTimeout) since = through_at_;
  if (refused_since_) since = std::min(since, *refused_since_);
  return std::chrono::floor<std::chrono::milliseconds>(now - since);
}

}  // namespace echodb
