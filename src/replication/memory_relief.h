#pragma once

#include <memory>
#include <set>

#include "replication/table_failures.h"

namespace echodb {

/// Memory is full: one table makes room, so that the others go on.
class MemoryRelief {
 public:
  MemoryRelief(const TableTools& tools, TableFailures& failures) : parts_(tools.parts), failures_(failures) {}

  /// At least half of `buffered` bytes are rows that nobody may write yet, because their table is copied, or waits for
  /// another one's copy: the table that holds most of them leaves them in the log.
  void leave_in_log(std::size_t buffered);
  /// What was left there can be written now: the stream is to begin again where it was last confirmed.
  [[nodiscard]] bool must_read_again();
  /// The table whose lane this is gives up its place in the stream: what it holds is dropped, and it is copied again
  /// when its time has come.
  void give_up(const std::shared_ptr<Lane>& lane, const Error& reason);

 private:
  const TableParts& parts_;
  TableFailures& failures_;
  std::set<Oid> left_;  ///< tables with `left_in_log`; some may have been copied again since
};

}  // namespace echodb
