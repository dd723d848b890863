#pragma once

#include <string>

#include "base/attempt_gate.h"
#include "base/error.h"
#include "base/mutex.h"
#include "config/settings.h"
#include "replication/worker_status.h"

namespace echodb {

/// Keeps a process from hammering a server that is down, and finds out soon when it is back.
///
///   closed ──failure_threshold failures in a row──► open ──the pause is over──► half-open
///      ▲                                             ▲                             │ one attempt at a time
///      └────────success_threshold successes──────────┼─────────────────────────────┤
///                                                    └──────────one failure────────┘
///
/// The pause grows from a moment by RETRY_BACKOFF up to `pause_max`, so that a recovery is noticed at most that late:
/// the documented timeout is an upper bound. Any thread may call.
class CircuitBreaker final : public AttemptGate {
 public:
  struct Options {
    std::string name;
    BreakerSettings settings;
    std::chrono::milliseconds pause_max;
    double backoff = 2.0;
    ErrorCode refusal;  ///< what an attempt that is not to be made ends with
  };
  explicit CircuitBreaker(Options options);

  Entry enter() override;
  void succeeded() noexcept override;
  void failed() noexcept override;
  void abandoned() noexcept override;
  [[nodiscard]] std::chrono::milliseconds pause() const noexcept override;

  [[nodiscard]] BreakerStatus status() const;

 private:
  using Clock = std::chrono::steady_clock;
  enum class State { Closed, Open, HalfOpen };

  void open() ECHODB_REQUIRES(mutex_);
  [[nodiscard]] std::chrono::milliseconds pause_locked() const ECHODB_REQUIRES(mutex_);

  const Options options_;
  mutable Mutex mutex_;
  State state_ ECHODB_GUARDED_BY(mutex_) = State::Closed;
  std::uint64_t failures_ ECHODB_GUARDED_BY(mutex_) = 0;   ///< in a row
  std::uint64_t successes_ ECHODB_GUARDED_BY(mutex_) = 0;  ///< in a row, while half-open
  bool probing_ ECHODB_GUARDED_BY(mutex_) = false;         ///< half-open, and somebody is trying
  Clock::time_point probe_at_ ECHODB_GUARDED_BY(mutex_);   ///< open until then
  std::chrono::milliseconds next_pause_ ECHODB_GUARDED_BY(mutex_);
};

}  // namespace echodb
