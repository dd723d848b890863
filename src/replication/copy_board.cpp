#include "replication/copy_board.h"

#include <algorithm>
#include <iterator>

#include "base/assert.h"
#include "clickhouse/target_client.h"

namespace echodb {
namespace {

constexpr std::chrono::milliseconds kCopyRetryPause{500};
constexpr std::chrono::milliseconds kCopyWaitPause{20};
/// How often somebody without work looks whether the pause of a copy is over.
constexpr std::chrono::milliseconds kLookAround{200};

}  // namespace

void CopyBoard::add(CopyJob job, std::shared_ptr<const TablePlan> plan) {
  auto copy = std::make_shared<RunningCopy>();
  copy->job = std::move(job);
  copy->plan = std::move(plan);
  MutexLock lock(mutex_);
  RunningCopy::State& state = of(copy);
  state.plans = copy->job.plans;
  if (state.plans > 0) state.not_before = Clock::now() + kCopyRetryPause;
  copies_.push_back(std::move(copy));
  changed_.notify_all();
}

std::optional<CopyWork> CopyBoard::take(std::stop_token stop) {
  MutexLock lock(mutex_);
  while (!stop.stop_requested()) {
    if (std::optional<CopyWork> work = hand_out()) return work;
    changed_.wait_until(mutex_, stop, std::chrono::steady_clock::now() + kLookAround);
  }
  return std::nullopt;
}

std::optional<CopyWork> CopyBoard::try_take() {
  MutexLock lock(mutex_);
  return hand_out();
}

std::optional<CopyWork> CopyBoard::hand_out() {
  for (const std::shared_ptr<RunningCopy>& copy : copies_) {
    std::optional<CopyWork> work = next_of(copy);
    if (!work) continue;
    if (work->kind == CopyWork::Kind::Range) part_of(*work).held = true;
    ++of(copy).at_work;
    return work;
  }
  return std::nullopt;
}

/// One thread makes the plan, each range has one, and one says that all of them are done.
std::optional<CopyWork> CopyBoard::next_of(const std::shared_ptr<RunningCopy>& copy) const {
  const RunningCopy::State& state = of(copy);
  const bool drains = copy->ended.stop_requested() || state.plan_again;
  if (drains || state.not_before > Clock::now()) return std::nullopt;
  if (!state.planned) {
    if (state.at_work > 0) return std::nullopt;
    return CopyWork{.copy = copy, .kind = CopyWork::Kind::Plan};
  }
  for (const RunningCopy::Part& part : state.parts) {
    if (part.range.done || part.held) continue;
    return CopyWork{.copy = copy, .kind = CopyWork::Kind::Range, .range = part.range};
  }
  if (state.at_work > 0) return std::nullopt;
  return CopyWork{.copy = copy, .kind = CopyWork::Kind::Finish};
}

/// Where the board keeps the range that is at work.
RunningCopy::Part& CopyBoard::part_of(const CopyWork& work) const {
  std::vector<RunningCopy::Part>& parts = of(work.copy).parts;
  auto found = std::ranges::find(parts, work.range.number, [](const auto& part) { return part.range.number; });
  ECHO_ASSERT(found != parts.end());
  return *found;
}

/// Others are taken before it.
void CopyBoard::put_last(const CopyWork& work) {
  std::vector<RunningCopy::Part>& parts = of(work.copy).parts;
  auto place = parts.begin() + (&part_of(work) - parts.data());
  std::rotate(place, std::next(place), parts.end());
}

/// What was done is done.
void CopyBoard::take_over(CopyWork& work) {
  if (work.kind == CopyWork::Kind::Plan) {
    RunningCopy::State& state = of(work.copy);
    state.parts.clear();
    for (const CopyRange& range : work.planned) state.parts.push_back({.range = range});
    state.planned = true;
  } else if (work.kind == CopyWork::Kind::Range) {
    CopyRange& range = part_of(work).range;
    range = work.range;
    range.done = true;
  }
}

std::optional<CopyEnd> CopyBoard::give_back(CopyWork work, CopyOutcome outcome, CopyFailure failure) {
  MutexLock lock(mutex_);
  const std::shared_ptr<RunningCopy> copy = work.copy;
  RunningCopy::State& state = of(copy);
  --state.at_work;
  if (work.kind == CopyWork::Kind::Range) part_of(work).held = false;
  if (failure.error && !failure.error->detail(kStatementInDoubt).empty()) {
    in_doubt_.emplace(copy->job.table, failure.error->detail(kStatementInDoubt));
  }
  changed_.notify_all();
  switch (outcome) {
    case CopyOutcome::Done:
      take_over(work);
      if (work.kind != CopyWork::Kind::Finish || copy->ended.stop_requested()) break;
      return finish(copy);
    case CopyOutcome::Stopped: break;
    case CopyOutcome::Waits:
      state.not_before = Clock::now() + kCopyWaitPause;
      if (work.kind == CopyWork::Kind::Range) put_last(work);
      break;
    case CopyOutcome::PlanAgain:
      state.plan_again = true;
      state.not_before = Clock::now() + kCopyRetryPause;
      break;
    case CopyOutcome::TryAgain: state.not_before = Clock::now() + kCopyRetryPause; break;
    case CopyOutcome::Failed:
      if (state.failure) break;
      state.failure = std::move(failure.error);
      state.again = failure.again;
      copy->ended.request_stop();
      break;
  }
  return end_if_drained(copy);
}

CopyEnd CopyBoard::finish(const std::shared_ptr<RunningCopy>& copy) {
  std::erase(copies_, copy);
  CopyEnd end;
  for (const RunningCopy::Part& part : of(copy).parts) end.rows += part.range.rows;
  return end;
}

std::optional<CopyEnd> CopyBoard::end_if_drained(const std::shared_ptr<RunningCopy>& copy) {
  RunningCopy::State& state = of(copy);
  if (state.at_work > 0 || state.cancelled) return std::nullopt;
  if (state.failure) {
    std::erase(copies_, copy);
    return CopyEnd{.failure = CopyFailure{.error = state.failure, .again = state.again}, .plans = state.plans};
  }
  if (state.plan_again) {
    state.plan_again = state.planned = false;
    copy->job.resume = true;
  }
  return std::nullopt;
}

int CopyBoard::count_plans(const CopyWork& work, int more) {
  MutexLock lock(mutex_);
  return of(work.copy).plans += more;
}

void CopyBoard::cancel(Oid table) {
  MutexLock lock(mutex_);
  std::vector<std::shared_ptr<RunningCopy>> of_table;
  std::ranges::copy_if(copies_, std::back_inserter(of_table),
                       [&](const auto& copy) { return copy->job.table == table; });
  for (const std::shared_ptr<RunningCopy>& copy : of_table) {
    of(copy).cancelled = true;
    copy->ended.request_stop();
  }
  for (const std::shared_ptr<RunningCopy>& copy : of_table) {
    await_drained(copy);
    std::erase(copies_, copy);
  }
}

std::optional<std::string> CopyBoard::in_doubt(Oid table) const {
  MutexLock lock(mutex_);
  auto found = in_doubt_.find(table);
  return found == in_doubt_.end() ? std::nullopt : std::optional(found->second);
}

void CopyBoard::has_ended(Oid table, const std::string& statement) {
  MutexLock lock(mutex_);
  std::erase_if(in_doubt_, [&](const auto& entry) { return entry.first == table && entry.second == statement; });
}

void CopyBoard::await_drained(const std::shared_ptr<RunningCopy>& copy) {
  while (of(copy).at_work > 0) {
    if (!options_.let_others) {
      changed_.wait(mutex_);
    } else {
      MutexUnlock unlocked(mutex_);
      options_.let_others();
    }
  }
}

bool CopyBoard::is_idle() const {
  MutexLock lock(mutex_);
  return std::ranges::all_of(copies_,
                             [this](const auto& copy) ECHODB_REQUIRES(mutex_) { return of(copy).at_work == 0; });
}

}  // namespace echodb
