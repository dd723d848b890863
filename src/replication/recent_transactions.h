#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "postgres/lsn.h"

namespace echodb {

/// Read from the log, a transaction may not be visible yet: the source tells its walsender of a commit a moment before
/// everybody else. Whoever asks the source because of what was read makes sure of this many of the last ones.
class RecentTransactions {
 public:
  void began(Xid xid) {
    xids_.push_back(xid);
    if (xids_.size() > kKept) xids_.pop_front();
  }
  [[nodiscard]] std::vector<Xid> all() const { return {xids_.begin(), xids_.end()}; }

 private:
  static constexpr std::size_t kKept = 256;
  std::deque<Xid> xids_;
};

}  // namespace echodb
