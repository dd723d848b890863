#pragma once

#include <memory>
#include <stop_token>
#include <thread>

#include "control/leader_election.h"

namespace echodb {

/// A worker's leadership while it lasts: a thread renews it until it is lost or this object ends, which resigns.
class Leadership {
 public:
  /// REQUIRES: `election.try_lead()` has just said yes. `stop` cuts the beginning short, which throws then, and nothing
  /// later: what has been read may still be written.
  Leadership(LeaderElection& election, std::chrono::milliseconds ttl, const std::stop_token& stop);
  ~Leadership();
  Leadership(const Leadership&) = delete;
  Leadership& operator=(const Leadership&) = delete;

  [[nodiscard]] const std::shared_ptr<Lease>& lease() const { return lease_; }

 private:
  void keep(const std::stop_token& stop);

  LeaderElection& election_;
  std::chrono::milliseconds interval_;
  Lease::Clock::time_point until_;  ///< the renewing thread's, once it runs
  std::shared_ptr<Lease> lease_;    ///< shared: clients of ClickHouse look at it as long as they live
  std::jthread renewing_;
};

}  // namespace echodb
