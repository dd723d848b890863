#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "catalog/lease.h"
#include "catalog/records.h"

namespace echodb {

/// A session that has the leader's lock or asks for it, as the server shows it.
struct LeaderSession {
  std::string id;  ///< "pid start"
  std::string application;
  std::string last_seen;  ///< when its client last asked something, by the server's clock; empty: not known
  bool holds = false;     ///< has the lock
};

/// What a follower has seen of the leader's sessions, by the follower's own clock: a server's clock may be set.
///
/// It speaks of one life of one server: the one in which the session through which the follower looks has lived all the
/// time. That session ends with the shared memory of its server, as all do, whatever the server says of its start.
///
/// Values only, no I/O: control/leadership_lock.h feeds it.
class HolderWatch {
 public:
  using Clock = Lease::Clock;

  /// REQUIRES: `endings` (catalog/session_endings.h) was asked for before the sessions were.
  void look(std::vector<LeaderSession> sessions, std::string endings, Clock::time_point now);

  /// The holders that have asked nothing for so long.
  [[nodiscard]] std::vector<LeaderSession> silent_holders(std::chrono::milliseconds longest,
                                                          Clock::time_point now) const;

  /// This worker has ended a session that had asked nothing until then since it was looked at.
  void note_ended(const std::string& id);

  /// Since when one of these sessions at least had been silent when this worker ended it: a renewal asks on each. One
  /// that went by another hand may have asked a moment before. `otherwise` when that is not known.
  [[nodiscard]] Clock::time_point silent_since(const std::vector<std::string>& sessions,
                                               Clock::time_point otherwise) const;

  /// Whether the server ended none of these sessions, which were there at the last look and are not any more: their
  /// client closed them. `endings` was asked for after they were gone.
  [[nodiscard]] bool were_closed(const std::vector<std::string>& sessions, const std::string& endings) const;

 private:
  struct Seen {
    LeaderSession session;
    Clock::time_point since;  ///< first seen with this last_seen
  };

  std::map<std::string, Seen> sessions_;            ///< of the last look, by id
  std::map<std::string, Clock::time_point> ended_;  ///< by this worker: since when they had been silent
  std::string endings_;
};

/// Until when an earlier leader may write. `lock_taken`: when this worker got the lock, which nobody else has renewed
/// since. Past: it cannot write any more.
///
/// Its lease ends at the latest `lease_lasts` after that; earlier when this worker has ended its sessions for their
/// silence. It is over at once when its process is known to be gone, and when the process itself has closed both
/// sessions: a process does so when it ends, or after it has stopped. A proxy closes sessions as well, and a person
/// ends them, while the leader knows nothing of it.
HolderWatch::Clock::time_point may_write_until(const OpenEpoch& earlier, bool process_ended, const HolderWatch& watch,
                                               const std::string& endings, HolderWatch::Clock::time_point lock_taken);

}  // namespace echodb
