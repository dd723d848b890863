#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/steady_clock.h"
#include "replication/copy_job.h"

namespace echodb {

/// One table's copy, as the threads that work on it share it.
struct RunningCopy {
  CopyJob job;  ///< constant while anybody is at work
  std::shared_ptr<const TablePlan> plan;
  std::stop_source ended;  ///< nothing of it is wanted any more: what its threads wait for is given up
  /// Of whoever makes the plan: the transactions that it waits for, as find_writers() has them; nullopt: not known yet.
  std::optional<std::string> writers;
  std::atomic<bool> told_of_lock = false;  ///< that it waits for one, in the log

 private:
  friend class CopyBoard;
  struct Part {
    CopyRange range;
    bool held = false;  ///< somebody works on it
  };
  struct State {
    std::vector<Part> parts;
    std::size_t at_work = 0;
    bool planned = false;
    bool plan_again = false;  ///< once nobody is at work
    bool cancelled = false;
    int plans = 0;  ///< thrown away because the table was another one
    SteadyClock::time_point not_before;
    std::optional<Error> failure;  ///< for good: told once nobody is at work
    bool again = false;            ///< with the failure: another copy may succeed
  };
  State state_;  ///< guarded by the board's mutex: only its of() gives it out
};

/// A part of a copy that one thread has taken, until it gives it back.
struct CopyWork {
  enum class Kind { Plan, Range, Finish };
  std::shared_ptr<RunningCopy> copy;
  Kind kind = Kind::Plan;
  CopyRange range = {};                 ///< Range: a token, of nobody else's while it is taken
  std::vector<CopyRange> planned = {};  ///< Plan: set by whoever made the plan
};

/// What became of it.
enum class CopyOutcome {
  Done,
  Waits,      ///< for others, which takes its time: meanwhile there is other work
  Stopped,    ///< it was not asked for to the end: somebody else, or nobody, goes on with it
  TryAgain,   ///< the same part may succeed later
  PlanAgain,  ///< the table is not what was planned: the copy is planned anew when all have stopped
  Failed,     ///< nothing of this copy is of use
};

struct CopyFailure {
  std::optional<Error> error = {};  ///< with the detail kStatementInDoubt: see CopyBoard::in_doubt
  bool again = false;               ///< another copy of the table may succeed
};

/// How a copy ended.
struct CopyEnd {
  std::optional<CopyFailure> failure = {};  ///< nullopt: all rows are in the target
  std::uint64_t rows = 0;
  int plans = 0;  ///< thrown away because the table was another one
};

/// The copies there are, with what is left of each. Whatever is taken has one holder, and only the holder can end it.
/// A copy that has failed, or was cancelled, drains: it gives out nothing more, its threads are told to stop, and it is
/// over when the last of them has given back what it held. Only then is its failure told, or `cancel` returns, so
/// nobody who begins another copy of the table meets the threads of an earlier one.
///
/// All members may be called from any thread.
class CopyBoard {
 public:
  struct Options {
    /// Lets the other threads go on, where they are not the system's, while somebody waits for them; else null.
    std::function<void()> let_others = {};
  };
  CopyBoard() = default;
  explicit CopyBoard(Options options) : options_(std::move(options)) {}

  void add(CopyJob job, std::shared_ptr<const TablePlan> plan);
  /// Waits for something to do; nullopt when asked to stop.
  std::optional<CopyWork> take(std::stop_token stop);
  /// The same without waiting: nullopt when there is nothing to do now.
  std::optional<CopyWork> try_take();

  /// Returns how the copy ended, if it is over with this; nullopt while it is not, or when nobody wants to know.
  std::optional<CopyEnd> give_back(CopyWork work, CopyOutcome outcome, CopyFailure failure = {});
  /// How many plans were thrown away so far, with so many more: a CopyEnd has their number, too.
  int count_plans(const CopyWork& work, int more);

  /// Ends the table's copies, drained ones included; returns when nobody is at work on them.
  void cancel(Oid table);
  /// A statement of the table's copies, past ones included, that may still be at work in the target; nullopt: none is.
  [[nodiscard]] std::optional<std::string> in_doubt(Oid table) const;
  void has_ended(Oid table, const std::string& statement);
  [[nodiscard]] bool is_idle() const;

 private:
  using Clock = SteadyClock;
  RunningCopy::State& of(const std::shared_ptr<RunningCopy>& copy) const ECHODB_REQUIRES(mutex_) {
    return copy->state_;
  }
  std::optional<CopyWork> next_of(const std::shared_ptr<RunningCopy>& copy) const ECHODB_REQUIRES(mutex_);
  std::optional<CopyWork> hand_out() ECHODB_REQUIRES(mutex_);
  RunningCopy::Part& part_of(const CopyWork& work) const ECHODB_REQUIRES(mutex_);
  void put_last(const CopyWork& work) ECHODB_REQUIRES(mutex_);
  void take_over(CopyWork& work) ECHODB_REQUIRES(mutex_);
  CopyEnd finish(const std::shared_ptr<RunningCopy>& copy) ECHODB_REQUIRES(mutex_);
  std::optional<CopyEnd> end_if_drained(const std::shared_ptr<RunningCopy>& copy) ECHODB_REQUIRES(mutex_);
  void await_drained(const std::shared_ptr<RunningCopy>& copy) ECHODB_REQUIRES(mutex_);

  Options options_;
  mutable Mutex mutex_;
  Condition changed_;
  std::deque<std::shared_ptr<RunningCopy>> copies_ ECHODB_GUARDED_BY(mutex_);
  std::multimap<Oid, std::string> in_doubt_ ECHODB_GUARDED_BY(mutex_);
};

}  // namespace echodb
