// The stream's half that tells what it does: the status that /metrics, /ready and `status` show.

#include <algorithm>

#include "replication/stream.h"

namespace echodb {
namespace {

std::vector<TextColumnStatus> text_columns(const MirroredTable& table) {
  std::vector<TextColumnStatus> columns;
  for (const TextColumn& text : table.record.text_columns) {
    auto column = std::ranges::find(table.schema().columns, text.attnum, &Column::attnum);
    if (column != table.schema().columns.end()) columns.push_back({column->name, to_string(text.since)});
  }
  return columns;
}

LagClock::Time wall_clock() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

}  // namespace

void Stream::publish_status() {
  auto now = std::chrono::steady_clock::now();
  if (now - published_at_ < kPublishInterval) return;
  published_at_ = now;
  WorkerStatus status;
  status.connected = true;
  status.is_leader = true;
  status.received = watermark_.ended();
  status.applied = watermark_.position();
  status.source_position = std::max(position_.latest(), status.received);
  status.lag_bytes = status.source_position.value - std::min(status.applied, status.source_position).value;
  status.lag_ms = lag_.lag_ms(wall_clock());
  status.transactions = transactions_;
  status.buffered_bytes = batcher_.buffered_bytes();
  status.mirrors_created = schema_events_.counters().created;
  status.mirrors_dropped = schema_events_.counters().dropped;
  status.mirrors_failed = schema_events_.counters().failed;
  status.retries = retries_;
  status.messages_skipped = messages_skipped_;
  status.last_error = last_error_;
  status.remade = record_.remade;
  if (!status.remade.empty()) status.remade_at = record_.created;
  Copier::Progress progress = copier_.progress();
  status.rows_copied = progress.rows_copied;
  status.rows_to_copy = progress.rows_to_copy;
  status.state = "streaming";
  status.text_fallbacks = schema_events_.text_fallbacks();
  registry_.for_each([&](MirroredTable& table) {
    // One whose target could not be dropped is of interest until it is.
    const bool dropped = table.record.state == TableState::Dropped;
    if (dropped && table.record.error.empty()) return;
    bool settling =
        table.record.state == TableState::Streaming && table.settling && watermark_.is_open(*table.settling);
    TableState state = settling ? TableState::Copying : dropped ? TableState::Error : table.record.state;
    if (state == TableState::Copying) status.state = "copying";
    status.rows_applied += table.rows_applied;
    status.tables.push_back({.source = table.name(),
                             .target = table.record.target_name,
                             .state = std::string(to_string(state)),
                             .rows_copied = table.record.rows_copied,
                             .rows_applied = table.rows_applied,
                             .error = table.record.error,
                             .error_lsn = table.record.error_lsn ? to_string(*table.record.error_lsn) : std::string(),
                             .next_attempt = schema_events_.next_attempt(table.record.oid),
                             .text_columns = text_columns(table)});
  });
  inventory_watch_->report(status);
  status.refused_for = refused_for(status.state == "copying");
  board_.put(std::move(status));
}

}  // namespace echodb
