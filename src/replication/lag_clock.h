#pragma once

#include <algorithm>
#include <chrono>
#include <deque>

#include "postgres/lsn.h"

namespace echodb {

/// How old the oldest transaction is that ClickHouse has not acknowledged, by the source's commit times. A transaction
/// that PostgreSQL is still decoding has no such time yet: then it is how long ago the source's log ended at a place
/// that the stream has not come to.
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

  /// The source's log ends here, and the stream has come so far.
  void read(Lsn source_end, Lsn position, Time at) {
    if (source_end > position && (unread_.empty() || unread_.back().commit < source_end)) {
      unread_.push_back({source_end, at});
    }
    while (!unread_.empty() && unread_.front().commit <= position) unread_.pop_front();
  }

  [[nodiscard]] double lag_ms(Time now) const {
    Milliseconds lag{0};
    if (!pending_.empty()) lag = now - pending_.front().at;
    // A stream that keeps up is behind such a place for as long as an answer travels.
    if (!unread_.empty() && now - unread_.front().at > kOnItsWay)
      lag = std::max<Milliseconds>(lag, now - unread_.front().at);
    return std::max(lag.count(), 0.0);
  }

 private:
  using Milliseconds = std::chrono::duration<double, std::milli>;
  static constexpr std::chrono::milliseconds kResolution{10};
  static constexpr std::chrono::seconds kOnItsWay{3};
  struct Commit {
    Lsn commit;
    Time at;
  };
  std::deque<Commit> pending_;
  std::deque<Commit> unread_;  ///< ends of the source's log that the stream has not come to
};

}  // namespace echodb
