#include "replication/lane.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "base/assert.h"
#include "base/log.h"

namespace echodb {
namespace {

/// The first pause before another try; the following ones grow up to Options::retry_delay_max.
constexpr std::chrono::milliseconds kRetryDelayFirst{100};
constexpr int kBackoffStepsMax = 16;
/// How long a step takes that could be run.
constexpr std::chrono::seconds kTriedAgainWithin{1};

/// Of two places in one lane the later one counts, so a step waits for as many as there are lanes at the most.
void wait_for(std::vector<LanePlace>& after, const LanePlace& place) {
  auto found = std::ranges::find(after, place.lane, &LanePlace::lane);
  if (found == after.end()) return after.push_back(place);
  found->steps = std::max(found->steps, place.steps);
}

}  // namespace

void LaneScheduler::push(const std::shared_ptr<Lane>& lane, std::unique_ptr<LaneTask> task) {
  MutexLock lock(mutex_);
  Lane::State& state = of(lane);
  state.bytes += task->bytes();
  state.tasks.push_back(std::move(task));
  ++state.pushed;
  ready(lane);
}

LanePlace LaneScheduler::end_of(const std::shared_ptr<Lane>& lane) const {
  MutexLock lock(mutex_);
  return {lane, of(lane).pushed};
}

void LaneScheduler::run_after(LaneTask& task, const LanePlace& place) {
  MutexLock lock(mutex_);
  if (has_come_to(place)) return;
  wait_for(task.after_, place);
  // Should the lane drop its steps, it may come to the place before what they wait for has happened.
  for (const std::unique_ptr<LaneTask>& step : of(place.lane).tasks) {
    for (const LanePlace& after : step->after_) {
      if (!has_come_to(after)) wait_for(task.after_, after);
    }
  }
}

/// Whether the lane's next task waits for another lane; if so, that one will wake it.
bool LaneScheduler::must_wait(const std::shared_ptr<Lane>& lane) {
  for (const LanePlace& after : of(lane).tasks.front()->after_) {
    if (has_come_to(after)) continue;
    std::vector<std::shared_ptr<Lane>>& waiting = of(after.lane).waiting;
    if (std::ranges::find(waiting, lane) == waiting.end()) waiting.push_back(lane);
    return true;
  }
  return false;
}

/// Steps of the lane are over with: others may have waited for them.
void LaneScheduler::advance(const std::shared_ptr<Lane>& lane, std::uint64_t steps) {
  of(lane).finished += steps;
  for (const std::shared_ptr<Lane>& waiting : std::exchange(of(lane).waiting, {})) ready(waiting);
}

/// Puts the lane in line for a writer when it has work and may run.
void LaneScheduler::ready(const std::shared_ptr<Lane>& lane) {
  const Lane::State& state = of(lane);
  if (state.tasks.empty() || state.running || state.held || state.failed || must_wait(lane)) return;
  if (std::ranges::find(ready_, lane) == ready_.end()) ready_.push_back(lane);
  changed_.notify_one();
}

std::size_t LaneScheduler::depth(const Lane& lane) const {
  MutexLock lock(mutex_);
  const Lane::State& state = of(lane);
  return state.tasks.size() + (state.running ? 1 : 0);
}

std::size_t LaneScheduler::inserts_waiting() const {
  MutexLock lock(mutex_);
  auto now = Clock::now();
  return static_cast<std::size_t>(std::ranges::count_if(ready_, [&](const auto& lane) ECHODB_REQUIRES(mutex_) {
    return of(lane).not_before <= now && of(lane).tasks.front()->bytes() > 0;
  }));
}

bool LaneScheduler::hold(const std::shared_ptr<Lane>& lane, std::uint64_t releases) {
  MutexLock lock(mutex_);
  Lane::State& state = of(lane);
  if (state.releases != releases) return false;
  state.held = true;
  std::erase(ready_, lane);
  return true;
}

std::size_t LaneScheduler::blocked_bytes(const Lane& lane) const {
  MutexLock lock(mutex_);
  const Lane::State& state = of(lane);
  if (state.running || state.failed || state.tasks.empty()) return 0;
  const bool waits =
      std::ranges::any_of(state.tasks.front()->after_,
                          [this](const LanePlace& after) ECHODB_REQUIRES(mutex_) { return !has_come_to(after); });
  return state.held || waits ? state.bytes : 0;
}

std::uint64_t LaneScheduler::releases(const Lane& lane) const {
  MutexLock lock(mutex_);
  return of(lane).releases;
}

void LaneScheduler::let_go(const std::shared_ptr<Lane>& lane) {
  MutexLock lock(mutex_);
  Lane::State& state = of(lane);
  state.held = false;
  ++state.releases;
  ready(lane);
}

LaneEvent LaneScheduler::reset(const std::shared_ptr<Lane>& lane) {
  MutexLock lock(mutex_);
  Lane::State& state = of(lane);
  ECHO_ASSERT(!state.running);
  LaneEvent event{.lane = lane};
  for (std::unique_ptr<LaneTask>& task : state.tasks) {
    event.tickets.insert(event.tickets.end(), task->tickets.begin(), task->tickets.end());
    event.bytes += task->bytes();
    event.dropped.push_back(std::move(task));
  }
  state.dropped += state.tasks.size();
  state.tasks.clear();
  state.bytes = 0;
  state.failed = false;
  begin_anew(lane);
  std::erase(ready_, lane);
  return event;
}

/// What the lane's next step has gone through so far no longer counts.
void LaneScheduler::begin_anew(const std::shared_ptr<Lane>& lane) {
  Lane::State& state = of(lane);
  state.failures = 0;
  state.not_before = {};
  state.trying_since.reset();
  state.passed_by_at.reset();
  std::erase(trying_, lane);
}

/// The lane's time begins anew: it gets on, or it is not the target that it waits for.
void LaneScheduler::give_time(const std::shared_ptr<Lane>& lane) {
  Lane::State& state = of(lane);
  state.trying_since = Clock::now();
  state.passed_by_at.reset();
}

void LaneScheduler::progressed(const std::shared_ptr<Lane>& lane) {
  MutexLock lock(mutex_);
  give_time(lane);
}

/// Lanes whose time was over when these rows were sent see that the target takes rows.
void LaneScheduler::note_rows_stored(Clock::time_point began) {
  for (const std::shared_ptr<Lane>& lane : trying_) {
    Lane::State& state = of(lane);
    if (!state.passed_by_at && began > *state.trying_since + options_.stuck_after) state.passed_by_at = Clock::now();
  }
}

LaneScheduler::Stuck LaneScheduler::find_stuck() const {
  MutexLock lock(mutex_);
  Stuck stuck;
  auto now = Clock::now();
  for (const std::shared_ptr<Lane>& lane : trying_) {
    // A failed lane's failure is on its way to whoever settles it.
    const Lane::State& state = of(lane);
    if (state.failed || now - *state.trying_since < options_.stuck_after) continue;
    stuck.bytes += state.bytes;
    if (stuck.lane == nullptr || state.bytes > of(stuck.lane).bytes) stuck.lane = lane;
  }
  if (stuck.lane == nullptr) return stuck;
  stuck.tried_for = std::chrono::duration_cast<std::chrono::milliseconds>(now - *of(stuck.lane).trying_since);
  // A target that was away for everybody takes one lane's rows a moment before another's.
  const auto& passed_by_at = of(stuck.lane).passed_by_at;
  stuck.others_go_on = passed_by_at && now - *passed_by_at > options_.retry_delay_max + kTriedAgainWithin;
  return stuck;
}

LaneEvent LaneScheduler::drop_rows(const std::shared_ptr<Lane>& lane) {
  MutexLock lock(mutex_);
  Lane::State& state = of(lane);
  LaneEvent event{.lane = lane};
  auto take_tickets = [&](LaneTask& task) {
    event.tickets.insert(event.tickets.end(), task.tickets.begin(), task.tickets.end());
    task.tickets.clear();
  };
  // Each keeps its place in line: others count the steps that they wait for.
  for (const std::unique_ptr<LaneTask>& task : state.tasks) {
    if (!task->writes_rows()) continue;
    take_tickets(*task);
    event.bytes += task->bytes();
    task->discard_rows();
  }
  state.bytes -= event.bytes;
  if (state.running && state.at_work->writes_rows()) {
    take_tickets(*state.at_work);
    state.cut_short = true;
    state.interrupt->request_stop();
  }
  begin_anew(lane);
  changed_.notify_all();
  return event;
}

std::vector<LaneEvent> LaneScheduler::take_events() {
  MutexLock lock(mutex_);
  return std::exchange(events_, {});
}

bool LaneScheduler::wait_idle(std::chrono::milliseconds at_most) {
  MutexLock lock(mutex_);
  const auto until = Clock::now() + at_most;
  // A wait for a time that has come costs the timer's slack all the same.
  while (!is_idle() && Clock::now() < until) changed_.wait_until(mutex_, until);
  return is_idle();
}

/// The oldest lane whose time has come; nullptr when there is none.
std::shared_ptr<Lane> LaneScheduler::take_due_lane() {
  auto now = Clock::now();
  auto due = std::ranges::find_if(ready_,
                                  [&](const auto& lane) ECHODB_REQUIRES(mutex_) { return of(lane).not_before <= now; });
  if (due == ready_.end()) return nullptr;
  std::shared_ptr<Lane> lane = *due;
  ready_.erase(due);
  return lane;
}

/// How long before the step is tried again. What the breaker refused was no attempt, and waits for the breaker.
std::chrono::milliseconds LaneScheduler::pause_after(Lane::State& state, const Error& failure) const {
  const auto& gate = options_.gate;
  bool refused = !failure.detail("breaker").empty();
  std::chrono::duration<double, std::milli> pause = kRetryDelayFirst;
  if (!refused) pause *= std::pow(options_.retry_backoff, std::min(state.failures++, kBackoffStepsMax));
  auto own = std::min(std::chrono::duration_cast<std::chrono::milliseconds>(pause), options_.retry_delay_max);
  if (gate == nullptr || failure.code() != ErrorCode::TargetUnreachable) return own;
  auto until_probe = gate->pause();
  return until_probe.count() > 0 ? until_probe + std::chrono::milliseconds(1) : own;
}

void LaneScheduler::finish(const std::shared_ptr<Lane>& lane, std::unique_ptr<LaneTask> task, Clock::duration took,
                           std::optional<Error> failure) {
  Lane::State& state = of(lane);
  if (std::exchange(state.cut_short, false)) failure.reset();
  // Whatever is left is another run's, perhaps another worker's: nothing that follows may overtake it.
  if (failure && (failure->code() == ErrorCode::Stopped || failure->code() == ErrorCode::LeadershipLost)) {
    state.failed = true;
    return;
  }
  LaneEvent event{.lane = lane, .failure = failure};
  if (!failure) {
    state.bytes -= task->bytes();
    begin_anew(lane);
    event.tickets = task->tickets;
    event.written_until = task->written_until;
    event.bytes = task->bytes();
    event.took = took;
    advance(lane, 1 + std::exchange(state.dropped, 0));
  } else if (options_.transient(*failure) || task->insists_on(*failure)) {
    // Nobody's rows get to a server that is away, and a source that is busy says nothing about the target.
    if (failure->code() != ErrorCode::TargetOverloaded) give_time(lane);
    state.not_before = Clock::now() + pause_after(state, *failure);
    state.tasks.push_front(std::move(task));
    event.retrying = true;
  } else {
    state.failed = true;
    state.tasks.push_front(std::move(task));
  }
  events_.push_back(std::move(event));
  ready(lane);
  changed_.notify_all();
  if (options_.on_event) options_.on_event();
}

}  // namespace echodb
