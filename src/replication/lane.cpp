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
/// Every writer at the same task for so long: they are held up.
constexpr std::chrono::milliseconds kHeldUpAfter{300};
constexpr std::size_t kStandInsMax = 8;
/// How long a step takes that could be run.
constexpr std::chrono::seconds kTriedAgainWithin{1};
/// A writer without work looks around this often.
constexpr std::chrono::seconds kIdleWait{30};

}  // namespace

LaneScheduler::LaneScheduler(Options options) : options_(std::move(options)) {
  for (std::uint32_t i = 0; i < options_.writers; ++i) {
    threads_.emplace_back([this](std::stop_token stop) { work(std::move(stop)); });
  }
}

LaneScheduler::~LaneScheduler() {
  {
    // A writer that renews itself meanwhile would miss it.
    std::lock_guard lock(mutex_);
    for (std::jthread& thread : threads_) thread.request_stop();
    for (std::jthread& thread : stand_ins_) thread.request_stop();
  }
  threads_.clear();
  stand_ins_.clear();
}

void LaneScheduler::push(const std::shared_ptr<Lane>& lane, std::unique_ptr<LaneTask> task) {
  std::lock_guard lock(mutex_);
  lane->bytes_ += task->bytes();
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
  const bool waits = std::ranges::any_of(
      lane.tasks_.front()->after_, [](const LaneTask::After& after) { return after.lane->finished_ < after.steps; });
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
  advance(lane, lane->tasks_.size());
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

/// What one thread works with. What is interrupted leaves connections in the middle of something: they are made anew.
struct LaneScheduler::Writer {
  Writer(LaneScheduler& scheduler, std::stop_token of_thread)
      : options(scheduler.options_),
        progressed([this, &scheduler] { scheduler.progressed(lane); }),
        thread(std::move(of_thread)),
        with_thread(thread, Interrupt{interrupted}) {
    renew();
  }

  void renew() {
    source.reset();
    if (interrupted.stop_requested() && !thread.stop_requested()) interrupted = std::stop_source();
    tools.emplace(WriterTools{.clickhouse = ClickHouseClient(options.clickhouse, interrupted.get_token()),
                              .source = [this]() -> PostgresConnection& {
                                if (!source) {
                                  source.emplace(options.source, ConnectionKind::Ordinary, interrupted.get_token());
                                }
                                return *source;
                              },
                              .progressed = progressed});
  }

  struct Interrupt {
    std::stop_source& source;
    void operator()() const { source.request_stop(); }
  };

  const Options& options;
  std::function<void()> progressed;
  std::shared_ptr<Lane> lane;  ///< whose step is at work
  std::stop_token thread;
  std::stop_source interrupted;
  std::stop_callback<Interrupt> with_thread;
  std::optional<PostgresConnection> source;
  std::optional<WriterTools> tools;
};

void LaneScheduler::work(std::stop_token stop) {
  Writer writer(*this, stop);
  std::unique_lock lock(mutex_);
  while (std::shared_ptr<Lane> lane = next_lane(lock, stop)) {
    ++writers_busy_;
    run_one(lock, lane, writer);
    --writers_busy_;
  }
}

/// Works only while every writer is held up.
void LaneScheduler::stand_in(std::stop_token stop) {
  Writer writer(*this, stop);
  std::unique_lock lock(mutex_);
  while (true) {
    ++stand_ins_idle_;
    relief_.wait(lock, stop, [&] { return relief_wanted_ > 0; });
    --stand_ins_idle_;
    if (stop.stop_requested()) return;
    --relief_wanted_;
    while (!stop.stop_requested() && writers_busy_ >= options_.writers) {
      std::shared_ptr<Lane> lane = take_due_lane();
      if (lane == nullptr) break;
      run_one(lock, lane, writer);
    }
  }
}

void LaneScheduler::relieve() {
  std::lock_guard lock(mutex_);
  auto now = Clock::now();
  bool has_work = std::ranges::any_of(ready_, [&](const auto& lane) { return lane->not_before_ <= now; });
  if (!has_work || writers_busy_ < options_.writers || now - moved_at_ < kHeldUpAfter) return;
  if (stand_ins_idle_ <= relief_wanted_) {
    if (stand_ins_.size() == kStandInsMax) return;
    log::info("{} writers are held up: another steps in", options_.writers + stand_ins_.size());
    stand_ins_.emplace_back([this](std::stop_token stop) { stand_in(std::move(stop)); });
  }
  ++relief_wanted_;
  relief_.notify_one();
}

/// Takes the lane's next task and runs it. REQUIRES: the lock, which is let go of meanwhile.
void LaneScheduler::run_one(std::unique_lock<std::mutex>& lock, const std::shared_ptr<Lane>& lane, Writer& writer) {
  std::unique_ptr<LaneTask> task = std::move(lane->tasks_.front());
  lane->tasks_.pop_front();
  lane->running_ = true;
  lane->at_work_ = task.get();
  lane->interrupt_ = &writer.interrupted;
  writer.lane = lane;
  ++running_;
  const auto began = moved_at_ = Clock::now();
  if (!lane->trying_since_) {
    lane->trying_since_ = began;
    trying_.push_back(lane);
  }
  lock.unlock();
  std::optional<Error> failure;
  try {
    task->run(*writer.tools);
  } catch (const Error& error) {
    failure = error;
    if (error.code() == ErrorCode::SourceUnreachable) writer.source.reset();
  } catch (const std::exception& fault) {
    // A fault of ours with one table is not to end the others.
    failure = Error(ErrorCode::ProtocolViolation, fault.what());
  }
  lock.lock();
  moved_at_ = Clock::now();
  --running_;
  lane->running_ = false;
  lane->at_work_ = nullptr;
  lane->interrupt_ = nullptr;
  if (lane->cut_short_) writer.renew();
  if (!failure && task->writes_rows()) note_rows_stored(began);
  finish(lane, std::move(task), moved_at_ - began, std::move(failure));
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

/// The same for a writer, which waits for it; nullptr when it is time to stop.
std::shared_ptr<Lane> LaneScheduler::next_lane(std::unique_lock<std::mutex>& lock, std::stop_token stop) {
  while (!stop.stop_requested()) {
    if (std::shared_ptr<Lane> lane = take_due_lane()) return lane;
    auto wake = Clock::now() + kIdleWait;
    for (const std::shared_ptr<Lane>& lane : ready_) wake = std::min(wake, lane->not_before_);
    changed_.wait_until(lock, stop, wake, [&] {
      return std::ranges::any_of(ready_, [](const auto& lane) { return lane->not_before_ <= Clock::now(); });
    });
  }
  return nullptr;
}

/// How long before the step is tried again. What the breaker refused was no attempt, and waits for the breaker.
std::chrono::milliseconds LaneScheduler::pause_after(Lane& lane, const Error& failure) const {
  const auto& gate = options_.clickhouse.gate;
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
    advance(lane, 1);
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
