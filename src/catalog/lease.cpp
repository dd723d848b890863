#include "catalog/lease.h"

#include "base/error.h"

namespace echodb {

bool Lease::has_run_out() const noexcept { return Clock::now().time_since_epoch().count() >= until_.load(); }

bool Lease::extend(Clock::time_point until) {
  // Not even by an answer that came too late: somebody else may lead by now.
  if (has_run_out()) lose("it was not renewed in time");
  if (lost_) return false;
  until_ = until.time_since_epoch().count();
  return true;
}

void Lease::lose(const std::string& reason) noexcept {
  MutexLock lock(mutex_);
  if (lost_) return;
  reason_ = reason;
  lost_ = true;
}

bool Lease::held() const noexcept { return !lost_ && !has_run_out(); }

std::string Lease::reason() const {
  if (held()) return {};
  MutexLock lock(mutex_);
  return lost_ ? reason_ : "it was not renewed in time";
}

void Lease::expect() const {
  if (!held()) throw Error(ErrorCode::LeadershipLost, "this worker no longer leads: " + reason());
}

}  // namespace echodb
