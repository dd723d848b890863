// The half of LaneScheduler that has the threads: writers, and those that step in while all of them are held up.

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "replication/lane.h"

namespace echodb {
namespace {

/// Every writer at the same task for so long: they are held up.
constexpr std::chrono::milliseconds kHeldUpAfter{300};
constexpr std::size_t kStandInsMax = 8;
/// A writer without work looks around this often.
constexpr std::chrono::seconds kIdleWait{30};

}  // namespace

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
    if (interrupted.stop_requested() && !thread.stop_requested()) interrupted = std::stop_source();
    connections = options.connect(interrupted.get_token());
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
  WriterConnections connections;
};

LaneScheduler::LaneScheduler(Options options) : options_(std::move(options)) {
  for (std::uint32_t i = 0; i < options_.writers; ++i) {
    threads_.emplace_back([this](std::stop_token stop) { work(std::move(stop)); });
  }
}

LaneScheduler::~LaneScheduler() {
  {
    // A writer that renews itself meanwhile would miss it.
    MutexLock lock(mutex_);
    for (std::jthread& thread : threads_) thread.request_stop();
    for (std::jthread& thread : stand_ins_) thread.request_stop();
  }
  threads_.clear();
  stand_ins_.clear();
}

void LaneScheduler::work(std::stop_token stop) {
  Writer writer(*this, stop);
  MutexLock lock(mutex_);
  while (std::shared_ptr<Lane> lane = next_lane(stop)) {
    ++writers_busy_;
    run_one(lane, writer);
    --writers_busy_;
  }
}

/// Works only while every writer is held up.
void LaneScheduler::stand_in(std::stop_token stop) {
  Writer writer(*this, stop);
  MutexLock lock(mutex_);
  while (true) {
    ++stand_ins_idle_;
    while (relief_wanted_ == 0 && !stop.stop_requested()) relief_.wait(mutex_, stop);
    --stand_ins_idle_;
    if (stop.stop_requested()) return;
    --relief_wanted_;
    while (!stop.stop_requested() && writers_busy_ >= options_.writers) {
      std::shared_ptr<Lane> lane = take_due_lane();
      if (lane == nullptr) break;
      run_one(lane, writer);
    }
  }
}

bool LaneScheduler::run_due() {
  Writer writer(*this, {});
  MutexLock lock(mutex_);
  std::shared_ptr<Lane> lane = take_due_lane();
  if (lane == nullptr) return false;
  run_one(lane, writer);
  return true;
}

void LaneScheduler::relieve() {
  // Whoever runs the steps by run_due() has no threads that others could stand in for.
  if (options_.writers == 0) return;
  MutexLock lock(mutex_);
  auto now = Clock::now();
  bool has_work =
      std::ranges::any_of(ready_, [&](const auto& lane) ECHODB_REQUIRES(mutex_) { return of(lane).not_before <= now; });
  if (!has_work || writers_busy_ < options_.writers || now - moved_at_ < kHeldUpAfter) return;
  if (stand_ins_idle_ <= relief_wanted_) {
    if (stand_ins_.size() == kStandInsMax) return;
    log::info("{} writers are held up: another steps in", options_.writers + stand_ins_.size());
    stand_ins_.emplace_back([this](std::stop_token stop) { stand_in(std::move(stop)); });
  }
  ++relief_wanted_;
  relief_.notify_one();
}

/// `in_doubt`: the statement that the lane's last step left so, and then this one's. While such a statement may be at
/// work nothing of the lane is sent: it would overtake what follows it.
std::optional<Error> LaneScheduler::attempt(LaneTask& task, Writer& writer, std::string& in_doubt) {
  std::optional<Error> failure;
  try {
    WriterTools tools = writer.connections.tools(writer.progressed);
    if (!in_doubt.empty()) tools.clickhouse.end_statement(in_doubt);
    in_doubt.clear();
    task.run(tools);
  } catch (const Error& error) {
    failure = error;
    if (in_doubt.empty()) in_doubt = error.detail(kStatementInDoubt);
    if (error.code() == ErrorCode::SourceUnreachable) writer.connections.source->close();
  } catch (const std::exception& fault) {
    // A fault of ours with one table is not to end the others.
    failure = Error(ErrorCode::ProtocolViolation, fault.what());
  }
  return failure;
}

/// Takes the lane's next task and runs it; the mutex is free meanwhile.
void LaneScheduler::run_one(const std::shared_ptr<Lane>& lane, Writer& writer) {
  Lane::State& state = of(lane);
  std::unique_ptr<LaneTask> task = std::move(state.tasks.front());
  state.tasks.pop_front();
  state.running = true;
  state.at_work = task.get();
  state.interrupt = &writer.interrupted;
  writer.lane = lane;
  ++running_;
  std::string in_doubt = std::move(state.in_doubt);
  const auto began = moved_at_ = Clock::now();
  if (!state.trying_since) {
    state.trying_since = began;
    trying_.push_back(lane);
  }
  std::optional<Error> failure;
  {
    MutexUnlock unlocked(mutex_);
    failure = attempt(*task, writer, in_doubt);
  }
  state.in_doubt = std::move(in_doubt);
  moved_at_ = Clock::now();
  --running_;
  state.running = false;
  state.at_work = nullptr;
  state.interrupt = nullptr;
  if (state.cut_short) writer.renew();
  if (!failure && task->writes_rows()) note_rows_stored(began);
  finish(lane, std::move(task), moved_at_ - began, std::move(failure));
}

/// The same for a writer, which waits for it; nullptr when it is time to stop.
std::shared_ptr<Lane> LaneScheduler::next_lane(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    if (std::shared_ptr<Lane> lane = take_due_lane()) return lane;
    auto wake = Clock::now() + kIdleWait;
    for (const std::shared_ptr<Lane>& lane : ready_) wake = std::min(wake, of(lane).not_before);
    changed_.wait_until(mutex_, stop, wake);
  }
  return nullptr;
}

}  // namespace echodb
