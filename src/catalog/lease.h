#pragma once

#include <atomic>
#include <chrono>
#include <string>

#include "base/boot_clock.h"
#include "base/mutex.h"
#include "base/write_permit.h"

namespace echodb {

/// One worker's leadership, from the moment it is won until it is lost, which is for good: leading again takes another
/// lease. It runs out by itself unless it is extended, some time before anybody else can lead, so that a leader that
/// cannot renew has stopped writing by then, and one that was frozen finds it run out when it goes on.
///
/// Extended by the renewing thread (control/leadership.h), looked at by every thread that writes.
class Lease final : public WritePermit {
 public:
  using Clock = BootClock;

  explicit Lease(Clock::time_point until) : until_(until.time_since_epoch().count()) {}

  /// False when it had run out already, or was lost.
  bool extend(Clock::time_point until);
  /// The first reason stays.
  void lose(const std::string& reason) noexcept;

  [[nodiscard]] bool held() const noexcept override;
  void expect() const override;
  /// Why it was lost; empty while it is held.
  [[nodiscard]] std::string reason() const;

 private:
  [[nodiscard]] bool has_run_out() const noexcept;

  std::atomic<Clock::rep> until_;
  std::atomic<bool> lost_{false};
  mutable Mutex mutex_;
  std::string reason_ ECHODB_GUARDED_BY(mutex_);
};

}  // namespace echodb
