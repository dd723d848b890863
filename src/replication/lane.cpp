#include "replication/lane.h"

#include <algorithm>
#include <cmath>
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

}  // namespace

void LaneScheduler::push(const std::shared_ptr<Lane>& lane, std::unique_ptr<LaneTask> task) {
  std::lock_guard lock(mutex_);
  lane->bytes_ += task->bytes();
  lane->tasks_.push_back(std::move(task));
  ++lane->pushed_;
  ready(lane);
}

LanePlace LaneScheduler::end_of(const std::shared_ptr<Lane>& lane) const {
  std::lock_guard lock(mutex_);
  return {lane, lane->pushed_};
}

void LaneScheduler::run_after(LaneTask& task, const LanePlace& place) {
  std::lock_guard lock(mutex_);
  if (place.lane->finished_ < place.steps) task.after_.push_back(place);
}

/// Whether the lane's next task waits for another lane; if so, that one will wake it. REQUIRES: the mutex.
bool LaneScheduler::must_wait(const std::shared_ptr<Lane>& lane) {
  for (const LanePlace& after : lane->tasks_.front()->after_) {
    if (after.lane->finished_ >= after.steps) continue;
    after.lane->waiting_.push_back(lane);
    return true;
  }
  return false;
}

/// Steps of the lane are over with: others may have waited for them. REQUIRES: the mutex.
void LaneScheduler::advance(const std::shared_ptr<Lane>& lane, std::uint64_t steps) {
  lane->finished_ += steps;
  for (const std::shared_ptr<Lane>& waiting : std::exchange(lane->waiting_, {})) ready(waiting);
}

/// Puts the lane in line for a writer when it has work and may run. REQUIRES: the mutex.
void LaneScheduler::ready(const std::shared_ptr<Lane>& lane) {
  if (lane->tasks_.empty() || lane->running_ || lane->held_ || lane->failed_ || must_wait(lane)) return;
  if (std::ranges::find(ready_, lane) == ready_.end()) ready_.push_back(lane);
  changed_.notify_one();
}

std::size_t LaneScheduler::depth(const Lane& lane) const {
  std::lock_guard lock(mutex_);
  return lane.tasks_.size() + (lane.running_ ? 1 : 0);
}

std::size_t LaneScheduler::inserts_waiting() const {
  std::lock_guard lock(mutex_);
  auto now = Clock::now();
  return static_cast<std::size_t>(std::ranges::count_if(
      ready_, [&](const auto& lane) { return lane->not_before_ <= now && lane->tasks_.front()->bytes() > 0; }));
}

bool LaneScheduler::hold(const std::shared_ptr<Lane>& lane, std::uint64_t releases) {
  std::lock_guard lock(mutex_);
  if (lane->releases_ != releases) return false;
  lane->held_ = true;
  std::erase(ready_, lane);
  return true;
}

std::size_t LaneScheduler::blocked_bytes(const Lane& lane) const {
  std::lock_guard lock(mutex_);
  if (lane.running_ || lane.failed_ || lane.tasks_.empty()) return 0;
  const bool waits = std::ranges::any_of(lane.tasks_.front()->after_,
                                         [](const LanePlace& after) { return after.lane->finished_ < after.steps; });
  return lane.held_ || waits ? lane.bytes_ : 0;
}

std::uint64_t LaneScheduler::releases(const Lane& lane) const {
  std::lock_guard lock(mutex_);
  return lane.releases_;
}

void LaneScheduler::let_go(const std::shared_ptr<Lane>& lane) {
  std::lock_guard lock(mutex_);
  lane->held_ = false;
  ++lane->releases_;
  ready(lane);
}

LaneEvent LaneScheduler::reset(const std::shared_ptr<Lane>& lane) {
  std::lock_guard lock(mutex_);
  ECHO_ASSERT(!lane->running_);
  LaneEvent event{.lane = lane};
  for (std::unique_ptr<LaneTask>& task : lane->tasks_) {
    event.tickets.insert(event.tickets.end(), task->tickets.begin(), task->tickets.end());
    event.bytes += task->bytes();
    event.dropped.push_back(std::move(task));
  }
  lane->dropped_ += lane->tasks_.size();
  lane->tasks_.clear();
  lane->bytes_ = 0;
  lane->failed_ = false;
  begin_anew(lane);
  std::erase(ready_, lane);
  return event;
}

/// What the lane's next step has gone through so far no longer counts. REQUIRES: the mutex.
void LaneScheduler::begin_anew(const std::shared_ptr<Lane>& lane) {
  lane->failures_ = 0;
  lane->not_before_ = {};
  lane->trying_since_.reset();
  lane->passed_by_at_.reset();
  std::erase(trying_, lane);
}

/// The lane's time begins anew: it gets on, or it is not the target that it waits for. REQUIRES: the mutex.
void LaneScheduler::give_time(const std::shared_ptr<Lane>& lane) {
  lane->trying_since_ = Clock::now();
  lane->passed_by_at_.reset();
}

void LaneScheduler::progressed(const std::shared_ptr<Lane>& lane) {
  std::lock_guard lock(mutex_);
  give_time(lane);
}

/// Lanes whose time was over when these rows were sent see that the target takes rows. REQUIRES: the mutex.
void LaneScheduler::note_rows_stored(Clock::time_point began) {
  for (const std::shared_ptr<Lane>& lane : trying_) {
    if (!lane->passed_by_at_ && began > *lane->trying_since_ + options_.stuck_after) lane->passed_by_at_ = Clock::now();
  }
}

LaneScheduler::Stuck LaneScheduler::find_stuck() const {
  std::lock_guard lock(mutex_);
  Stuck stuck;
  auto now = Clock::now();
  for (const std::shared_ptr<Lane>& lane : trying_) {
    // A failed lane's failure is on its way to whoever settles it.
    if (lane->failed_ || now - *lane->trying_since_ < options_.stuck_after) continue;
    stuck.bytes += lane->bytes_;
    if (stuck.lane == nullptr || lane->bytes_ > stuck.lane->bytes_) stuck.lane = lane;
  }
  if (stuck.lane == nullptr) return stuck;
  stuck.tried_for = std::chrono::duration_cast<std::chrono::milliseconds>(now - *stuck.lane->trying_since_);
  // A target that was away for everybody takes one lane's rows a moment before another's.
  const auto& passed_by_at = stuck.lane->passed_by_at_;
  stuck.others_go_on = passed_by_at && now - *passed_by_at > options_.retry_delay_max + kTriedAgainWithin;
  return stuck;
}

LaneEvent LaneScheduler::drop_rows(const std::shared_ptr<Lane>& lane) {
  std::lock_guard lock(mutex_);
  LaneEvent event{.lane = lane};
  auto take_tickets = [&](LaneTask& task) {
    event.tickets.insert(event.tickets.end(), task.tickets.begin(), task.tickets.end());
    task.tickets.clear();
  };
  // Each keeps its place in line: others count the steps that they wait for.
  for (const std::unique_ptr<LaneTask>& task : lane->tasks_) {
    if (!task->writes_rows()) continue;
    take_tickets(*task);
    event.bytes += task->bytes();
    task->discard_rows();
  }
  lane->bytes_ -= event.bytes;
  if (lane->running_ && lane->at_work_->writes_rows()) {
    take_tickets(*lane->at_work_);
    lane->cut_short_ = true;
    lane->interrupt_->request_stop();
  }
  begin_anew(lane);
  changed_.notify_all();
  return event;
}

std::vector<LaneEvent> LaneScheduler::take_events() {
  std::lock_guard lock(mutex_);
  return std::exchange(events_, {});
}

bool LaneScheduler::wait_idle(std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, at_most, [&] { return ready_.empty() && running_ == 0; });
}

/// The oldest lane whose time has come; nullptr when there is none. REQUIRES: the mutex.
std::shared_ptr<Lane> LaneScheduler::take_due_lane() {
  auto now = Clock::now();
  auto due = std::ranges::find_if(ready_, [&](const auto& lane) { return lane->not_before_ <= now; });
  if (due == ready_.end()) return nullptr;
  std::shared_ptr<Lane> lane = *due;
  ready_.erase(due);
  return lane;
}

/// How long before the step is tried again. What the breaker refused was no attempt, and waits for the breaker.
std::chrono::milliseconds LaneScheduler::pause_after(Lane& lane, const Error& failure) const {
  const auto& gate = options_.gate;
  bool refused = !failure.detail("breaker").empty();
  std::chrono::duration<double, std::milli> pause = kRetryDelayFirst;
  if (!refused) pause *= std::pow(options_.retry_backoff, std::min(lane.failures_++, kBackoffStepsMax));
  auto own = std::min(std::chrono::duration_cast<std::chrono::milliseconds>(pause), options_.retry_delay_max);
  if (gate == nullptr || failure.code() != ErrorCode::TargetUnreachable) return own;
  auto until_probe = gate->pause();
  return until_probe.count() > 0 ? until_probe + std::chrono::milliseconds(1) : own;
}

void LaneScheduler::finish(const std::shared_ptr<Lane>& lane, std::unique_ptr<LaneTask> task, Clock::duration took,
                           std::optional<Error> failure) {
  if (std::exchange(lane->cut_short_, false)) failure.reset();
  // Whatever is left is another run's, perhaps another worker's: nothing that follows may overtake it.
  if (failure && (failure->code() == ErrorCode::Stopped || failure->code() == ErrorCode::LeadershipLost)) {
    lane->failed_ = true;
    return;
  }
  LaneEvent event{.lane = lane, .failure = failure};
  if (!failure) {
    lane->bytes_ -= task->bytes();
    begin_anew(lane);
    event.tickets = task->tickets;
    event.bytes = task->bytes();
    event.took = took;
    advance(lane, 1 + std::exchange(lane->dropped_, 0));
  } else if (options_.transient(*failure)) {
    // Nobody's rows get to a server that is away, and a source that is busy says nothing about the target.
    if (failure->code() != ErrorCode::TargetOverloaded) give_time(lane);
    lane->not_before_ = Clock::now() + pause_after(*lane, *failure);
    lane->tasks_.push_front(std::move(task));
    event.retrying = true;
  } else {
    lane->failed_ = true;
    lane->tasks_.push_front(std::move(task));
  }
  events_.push_back(std::move(event));
  ready(lane);
  changed_.notify_all();
  if (options_.on_event) options_.on_event();
}

}  // namespace echodb
