#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "catalog/lease.h"
#include "catalog/records.h"
#include "config/settings.h"
#include "control/holder_watch.h"

namespace echodb {

/// Chooses one of any number of workers. One thread at a time, but for `interrupt`.
class LeaderElection {
 public:
  virtual ~LeaderElection() = default;

  /// True when this worker leads now. Throws what keeps it from finding out.
  virtual bool try_lead() = 0;
  /// What that rests on, and what was seen of the leader before. REQUIRES: try_lead() has just said yes.
  [[nodiscard]] virtual LeaderClaim claim() const = 0;
  [[nodiscard]] virtual const HolderWatch& watch() const = 0;
  /// Until when nobody else can lead, when this worker has led `until` so far. Throws Error(LeadershipLost).
  virtual Lease::Clock::time_point renew(Lease::Clock::time_point until) = 0;
  /// Lets another worker lead, at once.
  virtual void resign() noexcept = 0;
  /// Makes `renew` return; from any thread.
  virtual void interrupt() noexcept = 0;

  /// For a worker that does not lead: waits until it is worth trying again.
  virtual void await_turn(const std::stop_token& stop) = 0;
  /// The worker that leads, as it calls itself; empty when that is not known.
  [[nodiscard]] virtual std::string leader() = 0;
  /// What keeps this worker from leading; empty when that is not known.
  [[nodiscard]] virtual std::string obstacle() = 0;
};

/// By Redis when it is configured, else by PostgreSQL alone.
///
/// With Redis, the worker that has the key takes the lock in PostgreSQL as well, and leads only with both: two
/// workers that each believe to have the key cannot both lead. While Redis does not answer, the lock alone decides: the
/// leader goes on, because no other can get it, and if it dies another takes over. That is safe because the lock needs
/// nothing but the source, without which there is nothing to lead. A leader that finds another's id in the key resigns.
///
/// The key is for those that could use it. Its name says which source, so a worker that cannot reach PostgreSQL has no
/// key to take, and gives the one that it has back. A worker that cannot reach ClickHouse leaves a free key to the
/// others for the TTL; if none of them takes it, it does: somebody has to guard the source's log.
std::unique_ptr<LeaderElection> make_leader_election(const Settings& settings, std::stop_token stop);

}  // namespace echodb
