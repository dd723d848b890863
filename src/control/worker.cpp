#include "control/worker.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "base/failpoint.h"
#include "base/log.h"
#include "control/error_policy.h"
#include "control/setup.h"
#include "control/source_watch.h"
#include "replication/stream.h"

namespace echodb {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kPauseFirst{200};
/// A run that lasted this long was a good one: the next pause is a short one again.
constexpr std::chrono::seconds kGoodRun{30};

/// Pauses that grow from a moment to RETRY_DELAY by RETRY_BACKOFF.
class Pauses {
 public:
  explicit Pauses(const Settings& settings) : settings_(settings) {}

  void reset() { next_ = kPauseFirst; }

  /// Waits, or returns early when it is time to stop.
  void pause(std::stop_token stop) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    stopped.wait_for(lock, stop, next_, [] { return false; });
    auto grown = std::chrono::duration_cast<std::chrono::milliseconds>(next_ * settings_.retry_backoff);
    next_ = std::min(grown, std::max(settings_.retry_delay, kPauseFirst));
  }

 private:
  const Settings& settings_;
  std::chrono::milliseconds next_ = kPauseFirst;
};

/// Gives the slot up before the source's disk is full of what it retains. The catalog knows first: from then on the
/// stream has to be begun again, which setup() does once ClickHouse answers.
void release_slot(const Settings& settings, SourceWatch& watch, CatalogStore& catalog, std::stop_token stop) {
  StreamNames names = stream_names(settings);
  std::string reason =
      fmt::format("the slot {} was given up: it retained more log than ECHODB_MAX_RETAINED_WAL allows", names.slot);
  log::error("{}; every table will be copied again", reason);
  catalog.request_remake(names.stream, reason);
  failpoint("release.recorded");
  PostgresConnection source(settings.postgres, ConnectionKind::Ordinary, std::move(stop));
  source.query("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1",
               {names.slot});
  watch.released();
}

/// A target that cannot keep up is left in peace for a while.
void rest(const SourceWatch& watch) {
  auto left = watch.rest_until() - Clock::now();
  if (left <= Clock::duration::zero()) return;
  throw Error(ErrorCode::SlotLost, "the slot was given up more than once, because ClickHouse cannot keep up",
              "see why ClickHouse is slow, or raise ECHODB_MAX_RETAINED_WAL; copying begins again by itself");
}

void run_once(const Settings& settings, CatalogStore& catalog, StatusBoard& board, SourceWatch& watch,
              const std::stop_token& outer) {
  if (watch.release_due()) release_slot(settings, watch, catalog, outer);
  rest(watch);
  SourceWatch::RunStop run(watch, outer);
  std::stop_token stop = run.token();
  std::optional<StreamRecord> record = find_setup(settings, catalog, stop);
  if (!record) {
    setup(settings, {}, catalog, stop);
    record = find_setup(settings, catalog, stop);
  }
  if (!record) throw Error(ErrorCode::SlotLost, "the replication slot is gone again");
  auto transient = [](const Error& error) { return error_policy(error.code()).transient; };
  Stream stream(settings, *record, catalog, board, transient, stop);
  stream.run();
}

}  // namespace

void run_worker(const Settings& settings, StatusBoard& board, std::stop_token stop) {
  // Not cut short by a stop: what has been done is to be written down.
  CatalogStore catalog(settings.postgres, settings.worker_id, {});
  SourceWatch watch(settings, stream_names(settings).slot, board);
  Pauses pauses(settings);
  std::string last_warning;
  while (!stop.stop_requested()) {
    auto began = Clock::now();
    try {
      run_once(settings, catalog, board, watch, stop);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::Stopped) continue;
      ErrorPolicy policy = error_policy(error.code());
      if (policy.action == ErrorPolicy::Action::Fail) throw;
      // The same again is no news.
      if (error.what() != last_warning) log::warn("{} ({})", error.what(), policy.hint);
      last_warning = error.what();
      board.update([&](WorkerStatus& status) {
        status.connected = false;
        status.is_leader = false;
        status.last_error = error.what();
        if (status.state != "starting" || policy.action == ErrorPolicy::Action::Person) status.state = "error";
      });
      if (Clock::now() - began > kGoodRun) pauses.reset();
      pauses.pause(stop);
    }
  }
}

}  // namespace echodb
