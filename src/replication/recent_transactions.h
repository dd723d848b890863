#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "postgres/lsn.h"
#include "replication/copy_visibility.h"

namespace echodb {

/// Read from the log, a transaction may not be visible yet: the source tells its walsender of a commit before everybody
/// else, by a moment, or by hours when the commit waits for a standby. Whoever asks the source because of what was read
/// makes sure of those that it may not show yet.
class RecentTransactions {
 public:
  /// Which transactions earlier runs have read is not known; `next` is the first that they cannot have read.
  void run_began(Xid next) { unknown_before_ = next; }
  void began(Xid xid) {
    xids_.push_back(xid);
    if (xids_.size() <= kKept) return;
    const Xid next = xids_.front() + 1;
    if (static_cast<std::int32_t>(next - unknown_before_) > 0) unknown_before_ = next;
    xids_.pop_front();
  }
  /// Everybody sees what this snapshot sees.
  void seen(const CopyVisibility& snapshot) {
    std::erase_if(xids_, [&](Xid xid) { return snapshot.sees(xid); });
  }

  /// Read in this run, and perhaps not visible yet.
  [[nodiscard]] std::vector<Xid> all() const { return {xids_.begin(), xids_.end()}; }
  /// Transactions before this one may have been read as well: nobody remembers.
  [[nodiscard]] Xid unknown_before() const { return unknown_before_; }

 private:
  /// The source is asked what it shows once a second.
  static constexpr std::size_t kKept = 65'536;
  std::deque<Xid> xids_;
  Xid unknown_before_ = 0;
};

}  // namespace echodb
