#include "replication/copy_board.h"

#include <algorithm>
#include <iterator>
#include <numeric>

#include "base/assert.h"

namespace echodb {
namespace {

constexpr std::chrono::milliseconds kCopyRetryPause{500};
/// How often somebody without work looks whether the pause of a copy is over.
constexpr std::chrono::milliseconds kLookAround{200};

}  // namespace

void CopyBoard::add(CopyJob job, std::shared_ptr<const TablePlan> plan) {
  auto copy = std::make_shared<RunningCopy>();
  copy->job = std::move(job);
  copy->plan = std::move(plan);
  copy->plans_ = copy->job.plans;
  if (copy->plans_ > 0) copy->not_before_ = Clock::now() + kCopyRetryPause;
  std::lock_guard lock(mutex_);
  copies_.push_back(std::move(copy));
  changed_.notify_all();
}

std::optional<CopyWork> CopyBoard::take(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (std::optional<CopyWork> work = hand_out()) return work;
    changed_.wait_for(lock, stop, kLookAround, [] { return false; });
  }
  return std::nullopt;
}

std::optional<CopyWork> CopyBoard::try_take() {
  std::lock_guard lock(mutex_);
  return hand_out();
}

/// REQUIRES: the mutex.
std::optional<CopyWork> CopyBoard::hand_out() {
  for (const std::shared_ptr<RunningCopy>& copy : copies_) {
    std::optional<CopyWork> work = next_of(copy);
    if (!work) continue;
    if (work->kind == CopyWork::Kind::Range) part_of(*work).held = true;
    ++copy->at_work_;
    return work;
  }
  return std::nullopt;
}

/// One thread makes the plan, each range has one, and one says that all of them are done.
std::optional<CopyWork> CopyBoard::next_of(const std::shared_ptr<RunningCopy>& copy) const {
  const bool drains = copy->ended.stop_requested() || copy->plan_again_;
  if (drains || copy->not_before_ > Clock::now()) return std::nullopt;
  if (!copy->planned_) {
    if (copy->at_work_ > 0) return std::nullopt;
    return CopyWork{.copy = copy, .kind = CopyWork::Kind::Plan};
  }
  for (const RunningCopy::Part& part : copy->parts_) {
    if (part.range.done || part.held) continue;
    return CopyWork{.copy = copy, .kind = CopyWork::Kind::Range, .range = part.range};
  }
  if (copy->at_work_ > 0) return std::nullopt;
  return CopyWork{.copy = copy, .kind = CopyWork::Kind::Finish};
}

/// Where the board keeps the range that is at work. REQUIRES: the mutex.
RunningCopy::Part& CopyBoard::part_of(const CopyWork& work) {
  std::vector<RunningCopy::Part>& parts = work.copy->parts_;
  auto found = std::ranges::find(parts, work.range.number, [](const auto& part) { return part.range.number; });
  ECHO_ASSERT(found != parts.end());
  return *found;
}

/// What was done is done. REQUIRES: the mutex.
void CopyBoard::take_over(CopyWork& work) {
  if (work.kind == CopyWork::Kind::Plan) {
    work.copy->parts_.clear();
    for (const CopyRange& range : work.planned) work.copy->parts_.push_back({.range = range});
    work.copy->planned_ = true;
  } else if (work.kind == CopyWork::Kind::Range) {
    CopyRange& range = part_of(work).range;
    range = work.range;
    range.done = true;
  }
}

std::optional<CopyEnd> CopyBoard::give_back(CopyWork work, CopyOutcome outcome, CopyFailure failure) {
  std::lock_guard lock(mutex_);
  const std::shared_ptr<RunningCopy> copy = work.copy;
  --copy->at_work_;
  if (work.kind == CopyWork::Kind::Range) part_of(work).held = false;
  changed_.notify_all();
  switch (outcome) {
    case CopyOutcome::Done:
      take_over(work);
      if (work.kind != CopyWork::Kind::Finish || copy->ended.stop_requested()) break;
      std::erase(copies_, copy);
      return CopyEnd{.rows = std::accumulate(
                         copy->parts_.begin(), copy->parts_.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const RunningCopy::Part& part) { return sum + part.range.rows; })};
    case CopyOutcome::Stopped: break;
    case CopyOutcome::PlanAgain:
      copy->plan_again_ = true;
      copy->not_before_ = Clock::now() + kCopyRetryPause;
      break;
    case CopyOutcome::TryAgain: copy->not_before_ = Clock::now() + kCopyRetryPause; break;
    case CopyOutcome::Failed:
      if (copy->failure_) break;
      copy->failure_ = std::move(failure.error);
      copy->again_ = failure.again;
      copy->ended.request_stop();
      break;
  }
  return end_if_drained(copy);
}

/// REQUIRES: the mutex.
std::optional<CopyEnd> CopyBoard::end_if_drained(const std::shared_ptr<RunningCopy>& copy) {
  if (copy->at_work_ > 0 || copy->cancelled_) return std::nullopt;
  if (copy->failure_) {
    std::erase(copies_, copy);
    return CopyEnd{.failure = CopyFailure{.error = copy->failure_, .again = copy->again_}};
  }
  if (copy->plan_again_) {
    copy->plan_again_ = copy->planned_ = false;
    copy->job.resume = true;
  }
  return std::nullopt;
}

int CopyBoard::count_plans(const CopyWork& work, int more) {
  std::lock_guard lock(mutex_);
  work.copy->plans_ += more;
  return work.copy->plans_;
}

void CopyBoard::cancel(Oid table) {
  std::unique_lock lock(mutex_);
  std::vector<std::shared_ptr<RunningCopy>> of_table;
  std::ranges::copy_if(copies_, std::back_inserter(of_table),
                       [&](const auto& copy) { return copy->job.table == table; });
  for (const std::shared_ptr<RunningCopy>& copy : of_table) {
    copy->cancelled_ = true;
    copy->ended.request_stop();
  }
  for (const std::shared_ptr<RunningCopy>& copy : of_table) {
    await_drained(lock, *copy);
    std::erase(copies_, copy);
  }
}

void CopyBoard::await_drained(std::unique_lock<std::mutex>& lock, const RunningCopy& copy) {
  if (!options_.let_others) return changed_.wait(lock, [&] { return copy.at_work_ == 0; });
  while (copy.at_work_ > 0) {
    lock.unlock();
    options_.let_others();
    lock.lock();
  }
}

bool CopyBoard::is_idle() const {
  std::lock_guard lock(mutex_);
  return std::ranges::all_of(copies_, [](const auto& copy) { return copy->at_work_ == 0; });
}

}  // namespace echodb
