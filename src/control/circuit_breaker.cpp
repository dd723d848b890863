#include "control/circuit_breaker.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"

namespace echodb {
namespace {

constexpr std::chrono::milliseconds kPauseFirst{200};
/// Somebody is trying already: how it went is known soon.
constexpr std::chrono::milliseconds kProbeWait{20};

}  // namespace

CircuitBreaker::CircuitBreaker(Options options) : options_(std::move(options)), next_pause_(kPauseFirst) {}

AttemptGate::Entry CircuitBreaker::enter() {
  MutexLock lock(mutex_);
  if (state_ == State::Closed) return Entry::Go;
  if (state_ == State::Open && Clock::now() >= probe_at_) {
    state_ = State::HalfOpen;
    successes_ = 0;
    probing_ = false;
  }
  if (state_ == State::HalfOpen && !probing_) {
    probing_ = true;
    return Entry::Probe;
  }
  throw Error(options_.refusal, fmt::format("not tried: {} attempts in a row have failed, the next one is in {} ms",
                                            failures_, pause_locked().count()))
      .with("breaker", options_.name);
}

void CircuitBreaker::succeeded() noexcept {
  MutexLock lock(mutex_);
  probing_ = false;
  if (state_ == State::Closed) {
    failures_ = 0;
    return;
  }
  // One that began before the breaker opened proves as much as a probe.
  state_ = State::HalfOpen;
  if (++successes_ < options_.settings.success_threshold) return;
  state_ = State::Closed;
  failures_ = 0;
  successes_ = 0;
  next_pause_ = kPauseFirst;
  log::info("circuit breaker {}: closed again", options_.name);
}

void CircuitBreaker::failed() noexcept {
  MutexLock lock(mutex_);
  ++failures_;
  probing_ = false;
  if (state_ == State::HalfOpen || (state_ == State::Closed && failures_ >= options_.settings.failure_threshold))
    open();
}

void CircuitBreaker::abandoned() noexcept {
  MutexLock lock(mutex_);
  probing_ = false;
}

void CircuitBreaker::open() {
  if (state_ == State::Closed) log::warn("circuit breaker {}: open after {} failures", options_.name, failures_);
  state_ = State::Open;
  successes_ = 0;
  auto longest = std::max(std::min(options_.pause_max, options_.settings.timeout), kPauseFirst);
  probe_at_ = Clock::now() + std::min(next_pause_, longest);
  next_pause_ =
      std::min(std::chrono::duration_cast<std::chrono::milliseconds>(next_pause_ * options_.backoff), longest);
}

std::chrono::milliseconds CircuitBreaker::pause_locked() const {
  using std::chrono::milliseconds;
  if (state_ == State::Closed) return milliseconds(0);
  if (state_ == State::HalfOpen) return probing_ ? kProbeWait : milliseconds(0);
  return std::max(std::chrono::ceil<milliseconds>(probe_at_ - Clock::now()), milliseconds(0));
}

std::chrono::milliseconds CircuitBreaker::pause() const noexcept {
  MutexLock lock(mutex_);
  return pause_locked();
}

BreakerStatus CircuitBreaker::status() const {
  MutexLock lock(mutex_);
  const char* state = state_ == State::Closed ? "closed" : state_ == State::Open ? "open" : "half_open";
  return {.name = options_.name, .state = state, .failures = failures_};
}

}  // namespace echodb
