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
  const std::size_t index = runners_.size();
  runners_.emplace_back([this, index, body = std::move(body)] { run(index, body); });
}

void Baton::run(std::size_t index, const std::function<void()>& body) {
  try {
    if (!ending_) body();
  } catch (const Crash&) {
    ending_ = true;
  }
  runners_[index].ended = true;
  hand_over(choose());
}

std::size_t Baton::choose() {
  while (true) {
    const std::size_t next = random_.below(runners_.size());
    if (!runners_[next].ended) return next;
  }
}

void Baton::hand_over(std::size_t to) {
  const std::size_t from = std::exchange(current_, to);
  if (to != from) Fiber::go(runners_[from].fiber, runners_[to].fiber);
}

void Baton::pass() {
  let_pass(std::chrono::microseconds(random_.below(kMicrosecondsPerPassMax)));
  hand_over(choose());
  if (ending_) throw Crash();
}

void Baton::crash() {
  ending_ = true;
  throw Crash();
}

void Baton::end() {
  ending_ = true;
  for (std::size_t index = 1; index < runners_.size(); ++index) {
    while (!runners_[index].ended) hand_over(index);
  }
  while (runners_.size() > 1) runners_.pop_back();
  ending_ = false;
}

}  // namespace echodb::sim
