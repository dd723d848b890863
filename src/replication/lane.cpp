#include "replication/lane.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/assert.h"
#include "base/log.h"

namespace echodb {
namespace {

using Clock = std::chrono::steady_clock;
/// The first pause before another try; the following ones grow up to Options::retry_delay_max.
constexpr std::chrono::milliseconds kRetryDelayFirst{100};
constexpr int kBackoffStepsMax = 16;
/// A writer without work looks around this often.
constexpr std::chrono::seconds kIdleWait{30};

}  // namespace

LaneScheduler::LaneScheduler(Options options) : options_(std::move(options)) {
  for (std::uint32_t i = 0; i < options_.writers; ++i) {
    threads_.emplace_back([this](std::stop_token stop) { work(std::move(stop)); });
  }
}

LaneScheduler::~LaneScheduler() {
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
}

void LaneScheduler::push(const std::shared_ptr<Lane>& lane, std::unique_ptr<LaneTask> task) {
  std::lock_guard lock(mutex_);
  lane->tasks_.push_back(std::move(task));
  ++lane->pushed_;
  ready(lane);
}

void LaneScheduler::run_after(LaneTask& task, const std::shared_ptr<Lane>& other) {
  std::lock_guard lock(mutex_);
  if (other->finished_ < other->pushed_) task.after_.push_back({other, other->pushed_});
}

/// Whether the lane's next task waits for another lane; if so, that one will wake it. REQUIRES: the mutex.
bool LaneScheduler::must_wait(const std::shared_ptr<Lane>& lane) {
  for (const LaneTask::After& after : lane->tasks_.front()->after_) {
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

bool LaneScheduler::hold(const std::shared_ptr<Lane>& lane, std::uint64_t releases) {
  std::lock_guard lock(mutex_);
  if (lane->releases_ != releases) return false;
  lane->held_ = true;
  std::erase(ready_, lane);
  return true;
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
  for (const std::unique_ptr<LaneTask>& task : lane->tasks_) {
    event.tickets.insert(event.tickets.end(), task->tickets.begin(), task->tickets.end());
    event.bytes += task->bytes();
  }
  advance(lane, lane->tasks_.size());
  lane->tasks_.clear();
  lane->failed_ = false;
  lane->failures_ = 0;
  lane->not_before_ = {};
  std::erase(ready_, lane);
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

void LaneScheduler::work(std::stop_token stop) {
  std::optional<PostgresConnection> source;
  WriterTools tools{.clickhouse = ClickHouseClient(options_.clickhouse, stop), .source = [&]() -> PostgresConnection& {
                      if (!source) source.emplace(options_.source, ConnectionKind::Ordinary, stop);
                      return *source;
                    }};
  std::unique_lock lock(mutex_);
  while (std::shared_ptr<Lane> lane = next_lane(lock, stop)) {
    std::unique_ptr<LaneTask> task = std::move(lane->tasks_.front());
    lane->tasks_.pop_front();
    lane->running_ = true;
    ++running_;
    lock.unlock();
    std::optional<Error> failure;
    try {
      task->run(tools);
    } catch (const Error& error) {
      failure = error;
      if (error.code() == ErrorCode::SourceUnreachable) source.reset();
    } catch (const std::exception& fault) {
      // A fault of ours with one table is not to end the others.
      failure = Error(ErrorCode::ProtocolViolation, fault.what());
    }
    lock.lock();
    --running_;
    lane->running_ = false;
    finish(lane, std::move(task), std::move(failure));
  }
}

/// The oldest lane whose time has come; nullptr when it is time to stop.
std::shared_ptr<Lane> LaneScheduler::next_lane(std::unique_lock<std::mutex>& lock, std::stop_token stop) {
  while (!stop.stop_requested()) {
    auto now = Clock::now();
    auto wake = now + kIdleWait;
    for (auto lane = ready_.begin(); lane != ready_.end(); ++lane) {
      if ((*lane)->not_before_ <= now) {
        std::shared_ptr<Lane> chosen = *lane;
        ready_.erase(lane);
        return chosen;
      }
      wake = std::min(wake, (*lane)->not_before_);
    }
    changed_.wait_until(lock, stop, wake, [&] {
      return std::ranges::any_of(ready_, [](const auto& lane) { return lane->not_before_ <= Clock::now(); });
    });
  }
  return nullptr;
}

void LaneScheduler::finish(const std::shared_ptr<Lane>& lane, std::unique_ptr<LaneTask> task,
                           std::optional<Error> failure) {
  if (failure && failure->code() == ErrorCode::Stopped) return;
  LaneEvent event{.lane = lane, .failure = failure};
  if (!failure) {
    lane->failures_ = 0;
    event.tickets = task->tickets;
    event.bytes = task->bytes();
    advance(lane, 1);
  } else if (options_.transient(*failure)) {
    std::chrono::duration<double, std::milli> delay =
        kRetryDelayFirst * std::pow(options_.retry_backoff, std::min(lane->failures_++, kBackoffStepsMax));
    lane->not_before_ =
        Clock::now() + std::min(std::chrono::duration_cast<std::chrono::milliseconds>(delay), options_.retry_delay_max);
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
