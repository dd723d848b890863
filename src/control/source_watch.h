#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/mutex.h"
#include "config/settings.h"
#include "control/installation.h"
#include "control/setup.h"
#include "control/slot_state.h"
#include "replication/status_board.h"

namespace echodb {

/// Watches what the slot costs the source, on a thread and a connection of its own, whether a stream runs or not: the
/// log piles up just when none does. Puts it on the status board, and warns once whenever a limit is passed.
///
/// With ECHODB_ON_MAX_RETAINED_WAL=release it also decides when the slot is to be given up; that is done by whoever
/// runs the stream (control/worker), since nothing else may touch it.
///
/// It looks at the installation as well, every ECHODB_INVENTORY_SECONDS and when a run begins or ends. A fault ends the
/// run: the next one begins with setup, which puts right what is wrong.
class SourceWatch {
 public:
  SourceWatch(const Settings& settings, StreamNames names, StatusBoard& board);

  /// The slot, as it was last looked at, retains more than is allowed, and is to be dropped.
  [[nodiscard]] bool release_due() const { return release_due_; }
  /// It has been dropped, for this reason.
  void released(const std::string& reason);
  /// After a second release in a row nothing begins again before this.
  [[nodiscard]] std::chrono::steady_clock::time_point rest_until() const;
  [[nodiscard]] std::string last_reason() const;

  /// While it lives, its token is raised with the outer one, and when a release is due.
  class RunStop {
   public:
    RunStop(SourceWatch& watch, const std::stop_token& outer);
    ~RunStop();
    RunStop(const RunStop&) = delete;
    RunStop& operator=(const RunStop&) = delete;
    [[nodiscard]] std::stop_token token() const { return source_.get_token(); }
    /// Setup is done: from here on a fault of the installation raises the token too.
    void streams();

   private:
    struct Raise {
      std::stop_source& source;
      void operator()() const { source.request_stop(); }
    };
    SourceWatch& watch_;
    std::stop_source source_;
    std::stop_callback<Raise> with_outer_;
  };

 private:
  /// Says once that something began, and is ready to say so again when it is over.
  class Crossing {
   public:
    bool begins(bool now) { return !std::exchange(before_, now) && now; }

   private:
    bool before_ = false;
  };

  void watch(std::stop_token stop);
  void note(const std::optional<SlotState>& slot);
  void warn(const SlotState& slot);
  void look_at_installation(PostgresConnection& source, const std::string& remake);
  void note(const InstallationFaults& faults);
  void set_release_due(bool due);

  const Settings& settings_;
  StreamNames names_;
  std::string slot_ = names_.slot;  ///< of the thread alone: the stream's, as the catalog has it
  StatusBoard& board_;
  Crossing much_;
  Crossing too_much_;
  Crossing unreserved_;
  Crossing nearly_lost_;
  Crossing lost_;
  std::atomic<bool> release_due_{false};
  std::chrono::steady_clock::time_point installation_next_;  ///< of the thread alone
  std::atomic<bool> streaming_{false};                       ///< set while the run is watched for faults
  std::atomic<bool> installation_due_{false};                ///< at once, not when the time has come
  mutable Mutex mutex_;
  std::stop_source* run_ ECHODB_GUARDED_BY(mutex_) = nullptr;
  int releases_ ECHODB_GUARDED_BY(mutex_) = 0;
  std::chrono::steady_clock::time_point released_at_ ECHODB_GUARDED_BY(mutex_);
  std::string reason_ ECHODB_GUARDED_BY(mutex_);  ///< of the last release
  std::jthread thread_;                           ///< last: it uses all the others
};

}  // namespace echodb
