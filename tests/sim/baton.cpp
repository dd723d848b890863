#include "sim/baton.h"

namespace echodb::sim {
namespace {

SteadyClock::time_point simulated_now{std::chrono::hours(24)};
SteadyClock::time_point now() { return simulated_now; }
/// A pass takes at most this long.
constexpr std::size_t kMicrosecondsPerPassMax = 2'000;

}  // namespace

Baton::Baton(Random& random) : random_(random) {
  SteadyClock::replace(&now);
  runners_.emplace_back();
}

Baton::~Baton() { end(); }

void Baton::let_pass(SteadyClock::duration time) { simulated_now += time; }

void Baton::add(std::function<void()> body) {
  std::lock_guard lock(mutex_);
  const std::size_t index = runners_.size();
  Runner& runner = runners_.emplace_back();
  runner.thread = std::jthread([this, index, body = std::move(body)] { run(index, body); });
}

void Baton::run(std::size_t index, const std::function<void()>& body) {
  {
    std::unique_lock lock(mutex_);
    runners_[index].turn.wait(lock, [&] { return current_ == index; });
  }
  try {
    if (!ending_) body();
  } catch (const Crash&) {
    ending_ = true;
  }
  std::unique_lock lock(mutex_);
  runners_[index].ended = true;
  current_ = choose();
  runners_[current_].turn.notify_one();
}

/// REQUIRES: the mutex.
std::size_t Baton::choose() {
  while (true) {
    const std::size_t next = random_.below(runners_.size());
    if (!runners_[next].ended) return next;
  }
}

/// REQUIRES: the mutex.
void Baton::hand_over(std::unique_lock<std::mutex>& lock, std::size_t to) {
  const std::size_t own = current_;
  if (to == own) return;
  current_ = to;
  runners_[to].turn.notify_one();
  runners_[own].turn.wait(lock, [&] { return current_ == own; });
}

void Baton::pass() {
  let_pass(std::chrono::microseconds(random_.below(kMicrosecondsPerPassMax)));
  {
    std::unique_lock lock(mutex_);
    hand_over(lock, choose());
  }
  if (ending_) throw Crash();
}

void Baton::crash() {
  ending_ = true;
  throw Crash();
}

void Baton::end() {
  ending_ = true;
  for (std::size_t index = 1; index < runners_.size(); ++index) {
    std::unique_lock lock(mutex_);
    while (!runners_[index].ended) hand_over(lock, index);
    lock.unlock();
    if (runners_[index].thread.joinable()) runners_[index].thread.join();
  }
  runners_.resize(1);
  ending_ = false;
}

}  // namespace echodb::sim
