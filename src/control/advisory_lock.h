#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "catalog/lease.h"
#include "postgres/connection.h"

namespace echodb {

/// Leadership as a session-level advisory lock in the source's database, on a connection of its own: one session at a
/// time has it, and it goes with that session. What makes a lease of it:
///
///   - The holder's process ends: the kernel closes the connection, the lock is free within milliseconds.
///   - Its machine or network ends: the server notices after at most the TTL, by keepalives that are set for this
///     session. The holder, which asks the server something every second, stops after two thirds of the TTL.
///   - It is frozen, so that its kernel still answers: whoever waits for the lock sees in pg_stat_activity how long the
///     holder has asked nothing, and ends its session after the TTL. When the holder goes on, its lease has run out.
///
/// A waiting session asks for the lock again and again (pg_try_advisory_lock) instead of waiting inside
/// pg_advisory_lock: a statement that waits for days holds a snapshot for days, and vacuum back with it.
///
/// One thread at a time, but for `interrupt`.
class AdvisoryLock {
 public:
  AdvisoryLock(PostgresSettings settings, const std::string& worker_id, std::chrono::milliseconds ttl);

  /// Connects if need be; true when this session has the lock now.
  bool try_take();
  /// Ends the session of a holder that has given no sign of life for the TTL, and one that this worker lost sight of.
  void depose_hung_holder();
  /// Asks the server something. Returns until when nobody else can have the lock. Throws Error(LeadershipLost) when the
  /// server did not answer until then.
  Lease::Clock::time_point renew(Lease::Clock::time_point until);
  void release() noexcept;
  /// Cuts short whatever this is waiting for; from any thread. Only `release` makes sense afterwards.
  void interrupt() noexcept { interrupted_.request_stop(); }

  /// The worker that has it, as it calls itself; empty when nobody has.
  [[nodiscard]] std::string holder();

 private:
  PostgresConnection& connection();
  [[nodiscard]] Lease::Clock::time_point valid_from(Lease::Clock::time_point asked) const {
    return asked + ttl_ * 2 / 3;
  }

  PostgresSettings settings_;
  std::string application_;
  std::chrono::milliseconds ttl_;
  std::stop_source interrupted_;
  std::optional<PostgresConnection> connection_;
  /// Our last session with the lock; 0: none. The server may have it still, when the network lost it.
  int own_backend_ = 0;
  bool held_ = false;
};

}  // namespace echodb
