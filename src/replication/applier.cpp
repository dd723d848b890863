#include "replication/applier.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "config/limits.h"

namespace echodb {
namespace {

/// While a table may have to give up its place.
constexpr std::chrono::milliseconds kProbeInterval{500};

}  // namespace

Applier::Applier(Parts parts)
    : settings_(parts.settings),
      registry_(parts.catalog.load_tables(parts.stream), type_choices(settings_, parts.target),
                settings_.clickhouse.database),
      watermark_(parts.start),
      copier_({.workers = settings_.snapshot_workers,
               .choices = registry_.choices(),
               .make_reader = std::move(parts.make_copy_reader),
               .transient = parts.transient,
               .on_event = parts.on_event,
               .board = std::move(parts.board)},
              parts.catalog),
      lanes_({.writers = settings_.writers,
              .connect = std::move(parts.connect),
              .gate = settings_.clickhouse.gate,
              .retry_delay_max = settings_.retry_delay,
              .retry_backoff = settings_.retry_backoff,
              .transient = std::move(parts.transient),
              .on_event = std::move(parts.on_event)}),
      batcher_({.interval = settings_.sync_interval,
                .waiting_max = std::max<std::size_t>(settings_.writers, 1),
                .rows_max = settings_.batch_rows_max,
                .bytes_max = settings_.batch_bytes_max},
               registry_, watermark_, lanes_),
      life_({.settings = settings_,
             .stream = std::move(parts.stream),
             .catalog = parts.catalog,
             .registry = registry_,
             .watermark = watermark_,
             .lanes = lanes_,
             .batcher = batcher_,
             .copier = copier_}),
      seal_(std::move(parts.seal)) {}

/// Steps that wait for the end of a copy must not keep the lanes' threads.
Applier::~Applier() { copier_.stop(); }

void Applier::resume(const SourceMoment& source, const TargetFindings& target, TargetClient& clickhouse) {
  life_.resume(source, target, clickhouse);
}

bool Applier::over_budget() const {
  return batcher_.buffered_bytes() >= settings_.memory_bytes_max / limits::kMemoryPerRows;
}

void Applier::begin_change(Lsn lsn, std::size_t bytes) {
  if (lsn) change_lsn_ = lsn;
  change_bytes_ = bytes;
}

/// Between transactions the server has sent everything up to here.
void Applier::nothing_before(Lsn end) {
  if (!in_transaction_) watermark_.transaction_ended(end);
}

bool Applier::turn(bool drained, const std::optional<TargetFindings>& lost) {
  collect_events();
  lanes_.relieve();
  life_.finish_copies();
  life_.heal();
  if (lost) life_.losses().look_ended(*lost);
  // A transaction too large for memory goes out before it is over; the watermark stays behind it all the same.
  if (over_budget()) batcher_.seal_all();
  if (over_budget()) life_.relief().leave_in_log(batcher_.buffered_bytes());
  const bool probe = over_budget() && let_stuck_table_go();
  if (!in_transaction_) batcher_.seal_due(drained);
  return probe;
}

void Applier::collect_events() {
  for (const LaneEvent& event : lanes_.take_events()) {
    batcher_.written(event.bytes);
    for (Watermark::Ticket ticket : event.tickets) watermark_.close_once_read(ticket, event.written_until);
    settle(event);
  }
  for (const CopyEvent& event : copier_.take_events()) {
    if (event.failure) note_error(*event.failure);
    life_.copy_event(event);
  }
  lag_.applied(watermark_.position());
}

void Applier::settle(const LaneEvent& event) {
  if (!event.failure) {
    refused_since_.reset();
    through_at_ = SteadyClock::now();
    held_up_.erase(event.lane);
    if (event.bytes > 0) batcher_.taken(*event.lane, event.took);
    return;
  }
  ErrorCode code = event.failure->code();
  bool refused = code == ErrorCode::TargetOverloaded || code == ErrorCode::TargetUnreachable;
  if (event.retrying && refused && !refused_since_) refused_since_ = SteadyClock::now();
  // What the breaker refused says nothing that is not known.
  if (!event.failure->detail("breaker").empty()) return;
  note_error(*event.failure);
  if (event.retrying) {
    ++retries_;
    held_up_[event.lane] = event.failure->what();
    if (code == ErrorCode::TargetOverloaded) batcher_.refused(*event.lane);
    log::warn("{}: trying again: {}", event.lane->name(), event.failure->what());
  } else {
    held_up_.erase(event.lane);
    life_.lane_failed(event);
  }
}

/// Memory is full, and reading has stopped for everybody. When the reason is a table whose rows do not get through
/// while others' do, that table alone is to pay for it. That others' do is seen by a step of the own lane when nothing
/// else is on its way: a server that takes no rows at all is waited for.
bool Applier::let_stuck_table_go() {
  LaneScheduler::Stuck stuck = lanes_.find_stuck();
  if (stuck.lane == nullptr || stuck.lane == own_lane_ || 2 * stuck.bytes < batcher_.buffered_bytes()) return false;
  if (stuck.others_go_on) {
    life_.relief().give_up(
        stuck.lane, Error(ErrorCode::TargetOverloaded,
                          fmt::format("its rows have filled the memory, because ClickHouse has taken none for {} s",
                                      std::chrono::duration_cast<std::chrono::seconds>(stuck.tried_for).count()),
                          "see why ClickHouse does not take this table's rows; it is copied again by itself"));
    return false;
  }
  auto now = SteadyClock::now();
  if (now - probed_at_ < kProbeInterval) return false;
  probed_at_ = now;
  return true;
}

}  // namespace echodb
