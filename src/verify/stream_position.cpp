#include "verify/stream_position.h"

#include <fmt/format.h>

#include <thread>

#include "config/limits.h"

namespace echodb {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kLookAgainAfter{5};
constexpr std::chrono::milliseconds kFlushAgainAfter{1000};

}  // namespace

StreamPosition::StreamPosition(PostgresConnection& source, std::string slot, std::chrono::milliseconds lag_max,
                               Silence& silence, std::stop_token stop)
    : source_(source), slot_(std::move(slot)), lag_max_(lag_max), silence_(silence), stop_(std::move(stop)) {}

void StreamPosition::flush() { source_.query("SELECT pg_logical_emit_message(true, 'echodb_flush', '')"); }

Lsn StreamPosition::log_end() { return parse_lsn(source_.query("SELECT pg_current_wal_insert_lsn()").text(0, 0)); }

bool StreamPosition::commits_wait_for_standbys() {
  // Who may not see what other sessions wait for knows only whether they may have to.
  constexpr const char* kQuery =
      "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep') OR "
      "(current_setting('synchronous_standby_names') <> '' AND NOT pg_has_role('pg_read_all_stats', 'USAGE'))";
  return source_.query(kQuery).boolean(0, 0);
}

void StreamPosition::await_applied(Lsn position) {
  const auto began = Clock::now();
  auto flushed = Clock::time_point::min();
  while (applied_ < position) {
    QueryResult slot =
        source_.query("SELECT confirmed_flush_lsn, active FROM pg_replication_slots WHERE slot_name = $1", {slot_});
    if (slot.rows() == 0)
      throw Error(ErrorCode::SlotLost, fmt::format("there is no slot {}", slot_), "run `echodb setup`");
    if (!slot.is_null(0, 0)) applied_ = parse_lsn(slot.text(0, 0));
    const auto now = Clock::now();
    if (slot.boolean(0, 1)) {
      silence_.reset();
    } else if (!silence_) {
      silence_ = now;
    }
    if (applied_ >= position) return;
    if (silence_ && now - *silence_ > limits::kCheckIdleSlotTimeout) {
      throw Error(ErrorCode::SourceBusy, "nobody reads the replication slot, so the target is behind",
                  "start `echodb worker`");
    }
    if (now - began > lag_max_) {
      throw Error(ErrorCode::SourceBusy,
                  fmt::format("the stream is more than {} s behind (CONSISTENCY_MAX_LAG)", lag_max_.count() / 1000));
    }
    if (flushed == Clock::time_point::min() || now - flushed > kFlushAgainAfter) {
      flush();
      flushed = now;
    }
    if (stop_.stop_requested()) throw Error(ErrorCode::Stopped, "the check was stopped");
    std::this_thread::sleep_for(kLookAgainAfter);
  }
}

}  // namespace echodb
