#pragma once

#include <array>
#include <optional>
#include <stop_token>
#include <string>

#include "catalog/lease.h"
#include "catalog/records.h"
#include "control/holder_watch.h"
#include "postgres/connection.h"

namespace echodb {

/// Leadership as a lock on the view `_echodb.leadership` in the source's database, which only EchoDB's own role may
/// take: unlike an advisory lock, it needs a privilege.
///
/// A lock on a relation ends with its transaction, and no transaction of ours may last. So the holder has two sessions.
/// One has ROW SHARE, a mode that does not conflict with itself, in an open transaction. Before that is old
/// (limits::kLeadershipTransactionMax) the other begins one and takes ROW SHARE as well; then the first one ends:
///
///   session 0:  BEGIN  ROW SHARE ───────────── COMMIT                BEGIN  ROW SHARE ────
///   session 1:                  BEGIN  ROW SHARE ──────────────────────────── COMMIT
///
/// A candidate needs EXCLUSIVE for an instant, which every ROW SHARE of another session refuses (claim_leadership.sql).
/// Neither mode assigns a transaction id, and a transaction that is idle at READ COMMITTED has no snapshot.
///
/// What makes a lease of it:
///
///   - The holder's process ends: the kernel closes the connections, the lock is free within milliseconds.
///   - Its machine or network ends: the server notices after at most the TTL, by keepalives that are set for these
///     sessions. The holder, which asks the server something every second, stops after two thirds of the TTL.
///   - It is frozen, so that its kernel still answers: a worker that waits for the lock watches in pg_stat_activity
///     when the holder last asked something, and ends its sessions when that has not changed for the TTL. When the
///     holder goes on, its lease has run out.
///
/// A lock that is free says nothing of its last holder: a person may have ended the session, or the server lost its
/// memory, while the holder is cut off and writes on. Whether it can is for holder_watch.h and predecessors.h to say.
///
/// A waiting session asks for the lock again and again instead of waiting for it: a statement that waits for days holds
/// a snapshot for days, and vacuum back with it; and whoever waits for EXCLUSIVE keeps the holder's next ROW SHARE out.
///
/// One thread at a time, but for `interrupt`.
class LeadershipLock {
 public:
  LeadershipLock(PostgresSettings settings, const std::string& worker_id, std::chrono::milliseconds ttl);

  /// Connects if need be; true when this object has the lock now. Creates the view when there is none.
  bool try_take();
  /// Watches the holder's sessions, and ends those that have given no sign of life for the TTL, or that this worker
  /// lost sight of.
  void look_after_holder();
  /// What was seen of the last holder, and what the lock rests on. REQUIRES: try_take() has just said yes.
  [[nodiscard]] const HolderWatch& watch() const { return watch_; }
  [[nodiscard]] LeaderClaim claim() const;
  /// The source as it is known for life: "system identifier:oid of the database". Connects if need be, and asks the
  /// server something in any case.
  const std::string& source();
  /// Asks the server something on both sessions. Returns until when nobody else can have the lock. Throws
  /// Error(LeadershipLost) when the server did not answer until then.
  Lease::Clock::time_point renew(Lease::Clock::time_point until);
  void release() noexcept;
  /// Cuts short whatever this is waiting for; from any thread. Only `release` makes sense afterwards.
  void interrupt() noexcept { interrupted_.request_stop(); }

  /// The worker that has it, as it calls itself; empty when no session of our role has it.
  [[nodiscard]] std::string holder();
  /// Who else has a lock that keeps everybody from leading; empty when nobody has.
  [[nodiscard]] std::string obstacle();

 private:
  PostgresConnection& session(std::size_t number);
  PostgresConnection connect(std::size_t number);
  bool take(PostgresConnection& candidate);
  template <typename Work>
  void through_session(Work work);
  void end_session(const LeaderSession& session, const std::string& why);
  void pass_on();
  void disconnect() noexcept;
  [[nodiscard]] std::chrono::milliseconds lease_lasts() const { return ttl_ * 2 / 3; }

  PostgresSettings settings_;
  std::string application_;
  std::chrono::milliseconds ttl_;
  std::stop_source interrupted_;
  std::array<std::optional<PostgresConnection>, 2> sessions_;
  std::array<std::string, 2> ids_;   ///< of these, as LeaderSession::id
  std::array<bool, 2> direct_ = {};  ///< no proxy is between these and the server
  HolderWatch watch_;                ///< seen through the first session
  std::string source_;               ///< at the other end of the first session; empty: not asked yet
  std::size_t holding_ = 0;          ///< the session whose transaction has the lock
  Lease::Clock::time_point began_;   ///< that transaction
  std::array<std::string, 2> own_;   ///< the sessions of the last lock: the server may have them still
  bool held_ = false;
};

}  // namespace echodb
