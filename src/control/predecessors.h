#pragma once

#include <chrono>
#include <memory>
#include <stop_token>

#include "catalog/store.h"
#include "control/holder_watch.h"

namespace echodb {

/// The leaders before this one, as long as one of them may still write to ClickHouse. The lock in PostgreSQL does not
/// tell: its server can lose it, or somebody end its session, while its holder is cut off or frozen and its lease is
/// not over. So a new leader writes nothing to ClickHouse before each earlier epoch has resigned, has said that it has
/// stopped, or cannot write any more (may_write_until() in holder_watch.h).
class Predecessors {
 public:
  /// Made as soon as this worker has the lock. `watch`: what it has seen of the holder before.
  Predecessors(CatalogStore& catalog, HolderWatch watch, std::chrono::milliseconds lease_lasts);

  /// Waits until none may write, and puts that on record. Throws Error(LeadershipLost) when the lease is over first.
  /// REQUIRES: the catalog has an epoch of this worker.
  void await(const Lease& lease, const std::stop_token& stop);

 private:
  std::string who_may_write(const OpenEpochs& open) const;

  CatalogStore& catalog_;
  HolderWatch watch_;
  std::chrono::milliseconds lease_lasts_;
  Lease::Clock::time_point lock_taken_ = Lease::Clock::now();
  bool over_ = false;
};

}  // namespace echodb
