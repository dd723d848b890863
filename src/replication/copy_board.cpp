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
    set_held(*work, RunningCopy::Held::Yes);
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
  for (std::size_t at = 0; at < copy->ranges_.size(); ++at) {
    if (copy->ranges_[at].done || copy->held_[at] == RunningCopy::Held::Yes) continue;
    return CopyWork{.copy = copy, .kind = CopyWork::Kind::Range, .range = copy->ranges_[at]};
  }
  if (copy->at_work_ > 0) return std::nullopt;
  return CopyWork{.copy = copy, .kind = CopyWork::Kind::Finish};
}

/// REQUIRES: the mutex.
void CopyBoard::set_held(const CopyWork& work, RunningCopy::Held held) {
  if (work.kind != CopyWork::Kind::Range) return;
  RunningCopy& copy = *work.copy;
  auto found = std::ranges::find(copy.ranges_, work.range.number, &CopyRange::number);
  ECHO_ASSERT(found != copy.ranges_.end());
  copy.held_[static_cast<std::size_t>(found - copy.ranges_.begin())] = held;
}

/// What was done is done. REQUIRES: the mutex.
void CopyBoard::take_over(CopyWork& work) {
  RunningCopy& copy = *work.copy;
  if (work.kind == CopyWork::Kind::Plan) {
    copy.ranges_ = std::move(work.planned);
    copy.held_.assign(copy.ranges_.size(), RunningCopy::Held::No);
    copy.planned_ = true;
  } else if (work.kind == CopyWork::Kind::Range) {
    auto found = std::ranges::find(copy.ranges_, work.range.number, &CopyRange::number);
    *found = work.range;
    found->done = true;
  }
}

std::optional<CopyEnd> CopyBoard::give_back(CopyWork work, CopyOutcome outcome, CopyFailure failure) {
  std::lock_guard lock(mutex_);
  const std::shared_ptr<RunningCopy> copy = work.copy;
  --copy->at_work_;
  set_held(work, RunningCopy::Held::No);
  changed_.notify_all();
  switch (outcome) {
    case CopyOutcome::Done:
      take_over(work);
      if (work.kind != CopyWork::Kind::Finish || copy->ended.stop_requested()) break;
      std::erase(copies_, copy);
      return CopyEnd{.rows =
                         std::accumulate(copy->ranges_.begin(), copy->ranges_.end(), std::uint64_t{0},
                                         [](std::uint64_t sum, const CopyRange& range) { return sum + range.rows; })};
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
    changed_.wait(lock, [&] { return copy->at_work_ == 0; });
    std::erase(copies_, copy);
  }
}

bool CopyBoard::is_idle() const {
  std::lock_guard lock(mutex_);
  return std::ranges::all_of(copies_, [](const auto& copy) { return copy->at_work_ == 0; });
}

}  // namespace echodb
