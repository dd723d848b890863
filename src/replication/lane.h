#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/attempt_gate.h"
#include "base/error.h"
#include "base/mutex.h"
#include "base/steady_clock.h"
#include "config/limits.h"
#include "replication/lane_task.h"

namespace echodb {

/// The steps of one target table, first in, first out, one at a time. Everything that touches a target goes through
/// its lane, so that no change overtakes another of the same table; different lanes run in parallel.
class Lane {
 public:
  explicit Lane(std::string name) : name_(std::move(name)) {}
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  friend class LaneScheduler;
  struct State {
    std::deque<std::unique_ptr<LaneTask>> tasks;
    std::uint64_t pushed = 0;
    std::uint64_t finished = 0;                  ///< run, or dropped and made up for
    std::uint64_t dropped = 0;                   ///< by reset(), until the next step has made up for them
    std::vector<std::shared_ptr<Lane>> waiting;  ///< lanes whose next task waits for one of ours
    bool running = false;
    bool held = false;
    std::uint64_t releases = 0;
    bool failed = false;
    int failures = 0;
    SteadyClock::time_point not_before;
    std::size_t bytes = 0;                                ///< of all steps, the one at work included
    std::optional<SteadyClock::time_point> trying_since;  ///< the next step was begun then
    std::optional<SteadyClock::time_point> passed_by_at;  ///< meanwhile: rows of others got through
    LaneTask* at_work = nullptr;                          ///< while running
    std::stop_source* interrupt = nullptr;                ///< while running: of whoever runs it
    bool cut_short = false;                               ///< whatever becomes of the step at work, it is over with
    std::string in_doubt;  ///< of the last step: a statement that has to be ended before the next one begins
  };
  const std::string name_;
  State state_;  ///< guarded by the scheduler's mutex: only its of() gives it out
};

/// What happened to a lane's task; collected by the stream's thread.
struct LaneEvent {
  std::shared_ptr<Lane> lane;
  std::vector<Watermark::Ticket> tickets;
  Lsn written_until = {};  ///< of the task
  std::size_t bytes = 0;
  SteadyClock::duration took{};  ///< by the task, once it has succeeded
  std::optional<Error> failure;  ///< the lane is failed: its task cannot succeed, and what follows it waits for reset()
  bool retrying = false;         ///< with `failure`: the task will be tried again, the event is for the record only
  std::vector<std::unique_ptr<LaneTask>> dropped = {};  ///< by reset(): the one that failed, and those behind it
};

/// Runs lanes on a few writer threads. All members may be called from any thread.
///
/// A statement that hangs, because its table is locked perhaps, keeps its writer. When all of them hang, `relieve`
/// has others step in, which do the work of the lanes that can go on for as long as that lasts.
class LaneScheduler {
 public:
  struct Options {
    std::uint32_t writers = 2;
    ConnectWriter connect;              ///< called by each writer for its own connections
    std::shared_ptr<AttemptGate> gate;  ///< to the target; null: none
    std::chrono::milliseconds retry_delay_max{5000};
    double retry_backoff = 2.0;
    std::chrono::milliseconds stuck_after{limits::kStuckTableTimeout};
    std::function<bool(const Error&)> transient;  ///< the same step may succeed later (control/error_policy)
    std::function<void()> on_event;               ///< an event has been queued; called on a writer thread
  };
  explicit LaneScheduler(Options options);
  /// Stops the threads; tasks in flight are cut short, tasks not run are dropped.
  ~LaneScheduler();

  void push(const std::shared_ptr<Lane>& lane, std::unique_ptr<LaneTask> task);
  /// Behind all that the lane was given so far.
  [[nodiscard]] LanePlace end_of(const std::shared_ptr<Lane>& lane) const;
  /// The task, which is not pushed yet, waits until the other lane has come to this place, and for what the steps there
  /// wait for: two tables that hand a name over must not meet.
  void run_after(LaneTask& task, const LanePlace& place);
  /// Steps queued or running.
  [[nodiscard]] std::size_t depth(const Lane& lane) const;
  /// Lanes whose next step is an insert that could run now if a writer were free.
  [[nodiscard]] std::size_t inserts_waiting() const;
  /// A held lane keeps its tasks until it is let go. A lane that has been let go since `releases` was read is not
  /// held: whoever wanted the wait has changed its mind. True when the lane is held now.
  bool hold(const std::shared_ptr<Lane>& lane, std::uint64_t releases);
  void let_go(const std::shared_ptr<Lane>& lane);
  /// What the lane's steps hold while none of them may run: it is held, or its next step waits for another lane.
  [[nodiscard]] std::size_t blocked_bytes(const Lane& lane) const;
  [[nodiscard]] std::uint64_t releases(const Lane& lane) const;
  /// Drops what a failed lane still has and lets it work again. Returns the dropped tasks. Whoever waits for one of
  /// them goes on when the lane's next step, which has to make up for them, is done.
  LaneEvent reset(const std::shared_ptr<Lane>& lane);

  /// What keeps memory full, if it is lanes whose step has been tried for Options::stuck_after without success.
  struct Stuck {
    std::shared_ptr<Lane> lane;  ///< the one that holds most; null when there is none
    std::size_t bytes = 0;       ///< of all of them
    std::chrono::milliseconds tried_for{0};
    /// Rows of another lane, sent when this one's time was over, have been stored, and it was tried again since.
    bool others_go_on = false;
  };
  [[nodiscard]] Stuck find_stuck() const;
  /// Drops the lane's rows, and cuts the step at work short if it writes any; steps that are not rows stay where they
  /// are. Returns what was dropped; the memory of the step at work is accounted for when it has ended.
  LaneEvent drop_rows(const std::shared_ptr<Lane>& lane);

  /// Runs the next step of the oldest lane whose time has come on the caller's thread, as a writer does; false when
  /// there is none.
  bool run_due();

  /// To be called several times a second: sees whether every writer hangs while there is work.
  void relieve();

  std::vector<LaneEvent> take_events();
  /// Waits until no lane has work that can run, or the time is up. True when all is done.
  bool wait_idle(std::chrono::milliseconds at_most);

 private:
  using Clock = SteadyClock;
  struct Writer;

  void work(std::stop_token stop);
  void stand_in(std::stop_token stop);
  void run_one(const std::shared_ptr<Lane>& lane, Writer& writer) ECHODB_REQUIRES(mutex_);
  static std::optional<Error> attempt(LaneTask& task, Writer& writer, std::string& in_doubt);
  std::shared_ptr<Lane> next_lane(const std::stop_token& stop) ECHODB_REQUIRES(mutex_);
  std::shared_ptr<Lane> take_due_lane() ECHODB_REQUIRES(mutex_);
  [[nodiscard]] bool is_idle() const ECHODB_REQUIRES(mutex_) { return ready_.empty() && running_ == 0; }
  [[nodiscard]] std::chrono::milliseconds pause_after(Lane::State& state, const Error& failure) const
      ECHODB_REQUIRES(mutex_);
  void finish(const std::shared_ptr<Lane>& lane, std::unique_ptr<LaneTask> task, Clock::duration took,
              std::optional<Error> failure) ECHODB_REQUIRES(mutex_);
  void note_rows_stored(Clock::time_point began) ECHODB_REQUIRES(mutex_);
  void begin_anew(const std::shared_ptr<Lane>& lane) ECHODB_REQUIRES(mutex_);
  void give_time(const std::shared_ptr<Lane>& lane) ECHODB_REQUIRES(mutex_);
  void progressed(const std::shared_ptr<Lane>& lane) ECHODB_EXCLUDES(mutex_);
  void ready(const std::shared_ptr<Lane>& lane) ECHODB_REQUIRES(mutex_);
  bool must_wait(const std::shared_ptr<Lane>& lane) ECHODB_REQUIRES(mutex_);
  [[nodiscard]] bool has_come_to(const LanePlace& place) const ECHODB_REQUIRES(mutex_) {
    return of(place.lane).finished >= place.steps;
  }
  void advance(const std::shared_ptr<Lane>& lane, std::uint64_t steps) ECHODB_REQUIRES(mutex_);
  Lane::State& of(const std::shared_ptr<Lane>& lane) const ECHODB_REQUIRES(mutex_) { return lane->state_; }
  const Lane::State& of(const Lane& lane) const ECHODB_REQUIRES(mutex_) { return lane.state_; }

  const Options options_;
  mutable Mutex mutex_;
  Condition changed_;
  /// Lanes with work and nobody at it, oldest first.
  std::vector<std::shared_ptr<Lane>> ready_ ECHODB_GUARDED_BY(mutex_);
  std::size_t running_ ECHODB_GUARDED_BY(mutex_) = 0;
  std::size_t writers_busy_ ECHODB_GUARDED_BY(mutex_) = 0;  ///< without those that stand in
  Clock::time_point moved_at_ ECHODB_GUARDED_BY(mutex_);    ///< when a task last began or ended
  /// Lanes whose next step was begun and is not done.
  std::vector<std::shared_ptr<Lane>> trying_ ECHODB_GUARDED_BY(mutex_);
  Condition relief_;
  /// Stand-ins that have been called and are not at work yet.
  std::size_t relief_wanted_ ECHODB_GUARDED_BY(mutex_) = 0;
  std::size_t stand_ins_idle_ ECHODB_GUARDED_BY(mutex_) = 0;
  std::vector<LaneEvent> events_ ECHODB_GUARDED_BY(mutex_);
  std::vector<std::jthread> stand_ins_ ECHODB_GUARDED_BY(mutex_);
  std::vector<std::jthread> threads_;
};

}  // namespace echodb
