#include "control/worker.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "base/failpoint.h"
#include "base/late_stop.h"
#include "base/log.h"
#include "base/pause.h"
#include "clickhouse/client.h"
#include "config/limits.h"
#include "control/breakers.h"
#include "control/doctor.h"
#include "control/error_policy.h"
#include "control/leadership.h"
#include "control/predecessors.h"
#include "control/setup.h"
#include "control/slot_release.h"
#include "control/source_watch.h"
#include "control/takeover.h"
#include "control/unreadable_log.h"
#include "control/watch_list.h"
#include "postgres/preflight.h"
#include "replication/stream.h"

namespace echodb {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kPauseFirst{200};
/// A run that lasted this long was a good one: the next pause is a short one again.
constexpr std::chrono::seconds kGoodRun{30};
/// A leader that gives up stands back for so long.
constexpr std::chrono::seconds kYieldFor{2};

/// Pauses that grow from a moment to RETRY_DELAY by RETRY_BACKOFF.
class Pauses {
 public:
  explicit Pauses(const Settings& settings) : settings_(settings) {}

  void reset() { next_ = kPauseFirst; }

  /// Waits, or returns early when it is time to stop.
  void pause(std::stop_token stop, std::chrono::milliseconds at_least = {}) {
    echodb::pause(std::max(next_, at_least), stop);
    auto grown = std::chrono::duration_cast<std::chrono::milliseconds>(next_ * settings_.retry_backoff);
    next_ = std::min(grown, std::max(settings_.retry_delay, kPauseFirst));
  }

 private:
  const Settings& settings_;
  std::chrono::milliseconds next_ = kPauseFirst;
};

/// Faults of the engine itself: neither a server that is away, which has a breaker of its own, nor the end of a turn.
bool is_engine_fault(ErrorCode code) {
  return code != ErrorCode::SourceUnreachable && code != ErrorCode::TargetUnreachable &&
         code != ErrorCode::LeadershipLost && code != ErrorCode::Stopped;
}

constexpr std::string_view kTooMuchLog = "it retained more log than ECHODB_MAX_RETAINED_WAL allows";

/// How long after it was asked to stop a worker may still write to its catalog: its source may say nothing any more.
constexpr auto kLastWordsWithin = limits::kGracePeriod * 7 / 10;

/// A target that cannot keep up is left in peace for a while, and a source where somebody keeps making the log
/// unreadable is not copied every minute.
void rest(const SourceWatch& watch) {
  auto left = watch.rest_until() - Clock::now();
  if (left <= Clock::duration::zero()) return;
  throw Error(
      ErrorCode::SlotLost, "the slot was given up more than once; the last time: " + watch.last_reason(),
      "too much log: see why ClickHouse is slow, or raise ECHODB_MAX_RETAINED_WAL; unreadable log: see "
      "docs/source-safety.md; another target each time: see that CLICKHOUSE_HOST is one server; copying begins again "
      "by itself");
}

/// A worker's life: it follows until it is its turn, leads until it is asked to stop or loses its leadership, and
/// follows again.
class Worker {
 public:
  Worker(const Settings& settings, StatusBoard& board, std::stop_token stop)
      : breakers_(settings),
        settings_(breakers_.guarding(settings)),
        board_(board),
        stop_(std::move(stop)),
        last_words_(stop_, kLastWordsWithin),
        // Not cut short by a stop at once: what has been done is to be written down.
        catalog_(settings_.postgres, settings_.worker_id, last_words_.token()),
        election_(make_leader_election(settings_, stop_)),
        watch_(settings, stream_names(settings), board),
        pauses_(settings_) {
    board_.complete_with([this](WorkerStatus& status) { complete(status); });
  }
  ~Worker() {
    say_last_words();
    board_.complete_with({});
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void run() {
    while (!stop_.stop_requested()) {
      try {
        note_stopped();
        if (try_lead()) {
          // Whoever waits has time enough to notice that it is its turn.
          if (lead() == End::GaveUp) pauses_.pause(stop_, kYieldFor);
        } else {
          follow();
        }
      } catch (const Error& error) {
        if (error.code() == ErrorCode::Stopped || stop_.stop_requested()) continue;
        report(error);
        pauses_.pause(stop_, breakers_.postgres->pause());
      }
    }
  }

 private:
  enum class End { TurnIsOver, GaveUp };

  bool try_lead();
  End lead();
  void note_stopped();
  void say_last_words() noexcept;
  void begin_epoch(const std::shared_ptr<Lease>& lease);
  bool watch_list_differs();
  void run_stream(const std::shared_ptr<Lease>& lease);
  void note_unreadable_log(const Error& error, const std::string& slot);
  void follow();
  void stay_warm();
  void expect_leader(const std::string& leader);
  void report(const Error& error);
  void complete(WorkerStatus& status) const;

  Breakers breakers_;
  const Settings settings_;
  StatusBoard& board_;
  std::stop_token stop_;
  LateStop last_words_;
  CatalogStore catalog_;
  std::unique_ptr<LeaderElection> election_;
  UnreadableLog unreadable_log_;
  std::string give_up_;  ///< why the slot is to be made again before the next run; empty: it is not
  SourceWatch watch_;    ///< with connections of its own, which no breaker holds back
  Pauses pauses_;

  LeaderClaim claim_;  ///< while it leads, like the next three
  std::optional<Predecessors> predecessors_;
  std::optional<Epoch> epoch_;
  bool watch_list_compared_ = false;
  std::atomic<std::uint64_t> epoch_number_ = 0;  ///< its number, for whoever asks
  Clock::time_point warmed_at_;                  ///< while it follows
  bool following_ = false;
  Clock::time_point led_at_ = Clock::now();  ///< when this worker last saw somebody lead, itself included
  std::string last_warning_;
};

/// Whoever leads now may be waiting to hear it.
void Worker::note_stopped() {
  if (!epoch_) return;
  catalog_.reconnect();
  try {
    catalog_.note_stopped(epoch_->number);
  } catch (const Error& error) {
    if (error_policy(error.code()).transient) throw;
    // Another source by now, or an earlier state of it: nobody there waits to hear of this epoch.
    log::warn("epoch {} cannot be ended in the catalog: {}", epoch_->number, error.what());
  }
  epoch_.reset();
}

/// A leader that could not write all to its end before it was stopped has stopped nevertheless.
void Worker::say_last_words() noexcept {
  // A source that has not answered so far would hold the process up for as long as a connection may take.
  if (last_words_.token().stop_requested()) return;
  try {
    note_stopped();
  } catch (const std::exception& error) {
    log::warn("the next leader has to find out that this worker has stopped: {}", error.what());
  }
}

bool Worker::try_lead() {
  std::stop_callback cut_short(stop_, [this] { election_->interrupt(); });
  return election_->try_lead();
}

Worker::End Worker::lead() {
  following_ = false;
  watch_list_compared_ = false;
  claim_ = election_->claim();
  predecessors_.emplace(catalog_, election_->watch(), claim_.lease_lasts);
  Leadership leadership(*election_, settings_.leader_election_ttl, stop_);
  const std::shared_ptr<Lease>& lease = leadership.lease();
  for (std::uint32_t failures = 0; !stop_.stop_requested() && lease->held();) {
    auto began = Clock::now();
    try {
      run_stream(lease);
    } catch (const Error& error) {
      if (is_engine_fault(error.code())) {
        breakers_.engine->failed();
      } else {
        breakers_.engine->abandoned();
      }
      if (error.code() == ErrorCode::Stopped) continue;
      report(error);
      if (error.code() == ErrorCode::LeadershipLost) break;
      if (Clock::now() - began > kGoodRun) {
        pauses_.reset();
        failures = 0;
      }
      // Another worker may have better luck, from another machine; one that rests is not to be relieved of it.
      bool resting = Clock::now() < watch_.rest_until();
      if (!resting && ++failures == settings_.retries_max) return End::GaveUp;
      pauses_.pause(stop_, std::max(breakers_.engine->pause(), breakers_.postgres->pause()));
    }
  }
  led_at_ = Clock::now();
  if (!lease->held()) log::warn("this worker no longer leads: {}", lease->reason());
  return End::TurnIsOver;
}

/// Once for each leadership: `echodb setup` with other settings counts until somebody begins to lead.
bool Worker::watch_list_differs() {
  if (watch_list_compared_) return false;
  PostgresConnection source(settings_.postgres, ConnectionKind::Ordinary, stop_);
  return !watch_list_difference(source, settings_).empty();
}

/// No epoch yet: the catalog is not installed.
void Worker::begin_epoch(const std::shared_ptr<Lease>& lease) {
  if (!epoch_) epoch_ = catalog_.begin_epoch(lease, claim_);
  if (epoch_) predecessors_->await(*lease, stop_);
}

void Worker::run_stream(const std::shared_ptr<Lease>& lease) {
  breakers_.engine->enter();
  catalog_.reconnect();
  // Before anything is looked at that an earlier leader may still be changing.
  begin_epoch(lease);
  if (!give_up_.empty()) {
    release_slot(settings_, watch_, catalog_, give_up_, stop_);
    give_up_.clear();
  }
  if (watch_.release_due()) release_slot(settings_, watch_, catalog_, std::string(kTooMuchLog), stop_);
  rest(watch_);
  SourceWatch::RunStop run(watch_, stop_);
  std::stop_token stop = run.token();
  // Setting up writes to ClickHouse as well.
  Settings permitted = settings_;
  permitted.clickhouse.permit = lease;
  std::optional<StreamRecord> record = find_setup(permitted, catalog_, stop);
  if (!record || watch_list_differs()) {
    setup(permitted, {.leads = true}, catalog_, stop);
    record = find_setup(permitted, catalog_, stop);
  }
  watch_list_compared_ = true;
  if (!record) throw Error(ErrorCode::SlotLost, "the replication slot is gone again");
  begin_epoch(lease);
  if (!epoch_) throw Error(ErrorCode::SlotLost, "EchoDB's tables are gone from the source again");
  epoch_number_ = epoch_->number;
  ++epoch_->runs;
  Settings own = leader_settings(settings_, *record, *epoch_, lease);
  log::info("{} leads, epoch {}{}", settings_.worker_id, epoch_->number,
            epoch_->predecessor.empty() ? "" : " after " + epoch_->predecessor);
  if (!epoch_->resigned) end_older_statements(own, *record, stop);
  epoch_->resigned = false;
  take_slot(own, *record, stop);
  auto transient = [](const Error& error) { return error_policy(error.code()).transient; };
  bool complete = false;
  {
    Stream stream(own, *record, catalog_, board_, transient, stop);
    run.streams();
    stream.while_running([this] { breakers_.engine->succeeded(); });
    try {
      complete = stream.run();
    } catch (const Error& error) {
      note_unreadable_log(error, record->slot);
      // The stream gets past the value as text only, now and whenever it comes again.
      if (error.code() == ErrorCode::NoBinaryForm) catalog_.stream_as_text(record->name, error.message());
      // Its slot is of no use any more: setup makes another one. An address behind which several servers take turns is
      // not copied to without end.
      if (error.code() == ErrorCode::TargetReplaced) watch_.released(error.message());
      throw;
    }
  }
  breakers_.engine->abandoned();
  epoch_->resigned = complete;
  // A slot that is to be given up ends the run, not the leadership.
  if (complete && stop_.stop_requested()) {
    catalog_.resign_epoch();
    epoch_.reset();
  }
}

/// No reader of the slot ever gets past such a place: only a new slot, which begins behind it, does.
void Worker::note_unreadable_log(const Error& error, const std::string& slot) {
  if (error.code() != ErrorCode::LogUnreadable) return;
  PostgresConnection source(settings_.postgres, ConnectionKind::Ordinary, stop_);
  std::optional<SlotState> state = look_at_slot(source, slot);
  if (!state || !unreadable_log_.ended(error, state->confirmed)) return;
  give_up_ = fmt::format("PostgreSQL could not get past the same place behind {} three times ({})",
                         to_string(state->confirmed), error.message());
  if (error.sqlstate() == "0A000") return;
  give_up_ +=
      "; a logical message of nearly 1 GB does that before PostgreSQL 16, and every role may emit one "
      "unless EXECUTE on pg_logical_emit_message is revoked from PUBLIC";
}

/// Waits for this worker's turn, ready to take it.
void Worker::follow() {
  std::stop_callback cut_short(stop_, [this] { election_->interrupt(); });
  if (!following_) {
    following_ = true;
    warmed_at_ = {};
    board_.put(WorkerStatus{.state = "follower"});
  }
  if (Clock::now() - warmed_at_ >= settings_.leader_election_interval) stay_warm();
  election_->await_turn(stop_);
}

/// A worker that cannot lead although nobody does is not ready: no row flows.
void Worker::expect_leader(const std::string& leader) {
  if (!leader.empty()) led_at_ = Clock::now();
  if (Clock::now() - led_at_ <= settings_.leader_election_ttl) return;
  std::string obstacle = election_->obstacle();
  throw Error(ErrorCode::LeadershipLost,
              "nobody leads, and this worker cannot: " +
                  (obstacle.empty() ? "workers of an earlier version, or candidates, hold the lock in turn" : obstacle),
              "end the session that is named");
}

/// What would keep this worker from leading is found and reported while there is time to remedy it.
void Worker::stay_warm() {
  bool first = warmed_at_ == Clock::time_point{};
  warmed_at_ = Clock::now();
  catalog_.reconnect();
  WorkerStatus status{.state = "follower"};
  try {
    status.leader = election_->leader();
    expect_leader(status.leader);
    PostgresConnection source(settings_.postgres, ConnectionKind::Ordinary, stop_);
    Findings findings;
    examine_source(source, settings_, findings);
    require_no_fatal(std::move(findings).worst_first());
    std::optional<StreamRecord> stream = catalog_.find_stream(stream_names(settings_).stream);
    std::size_t tables = stream ? catalog_.load_tables(stream->name).size() : 0;
    ServerVersion target = ClickHouseClient(settings_.clickhouse, stop_).server_version();
    status.connected = true;
    if (first) {
      log::info("following {} ({} tables, ClickHouse {})", status.leader.empty() ? "another worker" : status.leader,
                tables, target.text);
    }
  } catch (const Error& error) {
    if (error.code() == ErrorCode::Stopped) return;
    log::warn("this worker could not lead now: {}", error.what());
    status.note_error(error.what());
  }
  board_.put(std::move(status));
}

/// Throws what nobody can remedy while this runs.
void Worker::report(const Error& error) {
  ErrorPolicy policy = error_policy(error.code());
  if (policy.action == ErrorPolicy::Action::Fail) throw error;
  // The same again is no news.
  if (error.what() != last_warning_) log::warn("{} ({})", error.what(), policy.hint);
  last_warning_ = error.what();
  board_.update([&](WorkerStatus& status) {
    status.connected = false;
    status.is_leader = false;
    status.note_error(error.what());
    if (status.state != "starting" || policy.action == ErrorPolicy::Action::Person) status.state = "error";
  });
}

/// Called while somebody asks for the status, on that thread.
void Worker::complete(WorkerStatus& status) const {
  status.breakers = breakers_.status();
  status.epoch = status.is_leader ? epoch_number_.load() : 0;
  for (const auto& breaker : {breakers_.postgres, breakers_.clickhouse}) {
    if (breaker->status().failures >= settings_.reconnect_attempts_max) status.state = "error";
  }
}

}  // namespace

void run_worker(const Settings& settings, StatusBoard& board, std::stop_token stop) {
  Worker(settings, board, std::move(stop)).run();
}

}  // namespace echodb
