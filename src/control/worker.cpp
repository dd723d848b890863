#include "control/worker.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "base/log.h"
#include "control/error_policy.h"
#include "control/setup.h"
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

void run_once(const Settings& settings, CatalogStore& catalog, StatusBoard& board, std::stop_token stop) {
  std::optional<StreamRecord> record = find_setup(settings, catalog, stop);
  if (!record) record = setup(settings, catalog, stop);
  auto transient = [](const Error& error) { return error_policy(error.code()).transient; };
  Stream stream(settings, *record, catalog, board, transient, stop);
  stream.run();
}

}  // namespace

void run_worker(const Settings& settings, StatusBoard& board, std::stop_token stop) {
  // Not cut short by a stop: what has been done is to be written down.
  CatalogStore catalog(settings.postgres, settings.worker_id, {});
  Pauses pauses(settings);
  while (!stop.stop_requested()) {
    auto began = Clock::now();
    try {
      run_once(settings, catalog, board, stop);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::Stopped) return;
      ErrorPolicy policy = error_policy(error.code());
      if (policy.action == ErrorPolicy::Action::Fail) throw;
      log::warn("{} ({})", error.what(), policy.hint);
      board.update([&](WorkerStatus& status) {
        status.connected = false;
        status.is_leader = false;
        status.last_error = error.what();
        if (status.state != "starting") status.state = "error";
      });
      if (Clock::now() - began > kGoodRun) pauses.reset();
      pauses.pause(stop);
    }
  }
}

}  // namespace echodb
