#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/steady_clock.h"
#include "postgres/lsn.h"

namespace echodb {

/// Before another attempt, after so many: a minute, then two, four, … up to an hour.
std::chrono::minutes healing_pause(int attempts);

/// When each table that stopped is tried again, in case what stopped it has been put right.
class HealingSchedule {
 public:
  void failed(Oid table, ErrorCode reason);
  /// It is well, or gone: the next failure is the first.
  void forget(Oid table) { tables_.erase(table); }
  /// Those whose time has come. Each is told of once, until it fails again.
  std::vector<Oid> take_due();
  /// How long until a table is tried again; nullopt while it is.
  [[nodiscard]] std::optional<std::chrono::seconds> next_attempt(Oid table) const;

 private:
  struct Healing {
    int attempts = 0;
    SteadyClock::time_point at;
  };
  std::map<Oid, Healing> tables_;
};

}  // namespace echodb
