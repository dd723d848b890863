#pragma once

#include <chrono>
#include <deque>

#include "postgres/lsn.h"

namespace echodb {

/// How old the oldest transaction is that ClickHouse has not acknowledged, by the source's commit times.
class LagClock {
 public:
  using Time = std::chrono::sys_time<std::chrono::microseconds>;

  /// A transaction with rows of ours whose commit record begins here. One in a hundredth of a second is enough.
  void committed(Lsn commit, Time at) {
    if (!pending_.empty() && at - pending_.back().at < kResolution) {
      // The older time stays: lag is never understated.
      pending_.back().commit = commit;
    } else {
      pending_.push_back({commit, at});
    }
  }

  void applied(Lsn position) {
    while (!pending_.empty() && pending_.front().commit < position) pending_.pop_front();
  }

  [[nodiscard]] double lag_ms(Time now) const {
    if (pending_.empty()) return 0;
    std::chrono::duration<double, std::milli> lag = now - pending_.front().at;
    return lag.count() > 0 ? lag.count() : 0;
  }

 private:
  static constexpr std::chrono::milliseconds kResolution{10};
  struct Commit {
    Lsn commit;
    Time at;
  };
  std::deque<Commit> pending_;
};

}  // namespace echodb
