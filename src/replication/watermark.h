#pragma once

#include <cstdint>
#include <map>

#include "postgres/lsn.h"

namespace echodb {

/// Up to where everything is in ClickHouse, although tables are written independently of each other.
///
/// Whatever must reach ClickHouse (a batch of rows, a schema change) holds a ticket, opened when its first row is
/// read and closed when ClickHouse has acknowledged all of it. A ticket remembers the end of the last transaction
/// before its own first one. The position is the smallest of these, or the end of the last transaction when no ticket
/// is open. Positions are commit-end LSNs only: change LSNs go back between transactions, commit ends never do.
///
/// Example: transactions end at 100, 200, 300. A batch of table a begins in the third (prior 200), one of b in the
/// second (prior 100). With both open the position is 100; once b's is closed, 200; once a's is, 300.
class Watermark {
 public:
  using Ticket = std::uint64_t;

  explicit Watermark(Lsn start) : ended_(start), read_(start) {}

  /// A ticket for work whose first change belongs to the transaction being read.
  Ticket open();
  void close(Ticket ticket);
  /// The same, once everything before `end` has been read: what makes up for the work stands there.
  void close_once_read(Ticket ticket, Lsn end);

  /// Every transaction has been read that is committed before this. The position may be an earlier one: it is the end
  /// of a transaction.
  void read_until(Lsn commit);
  /// A transaction, or a stretch of log without any of ours, ends here.
  void transaction_ended(Lsn end);

  /// Everything before this is in ClickHouse.
  [[nodiscard]] Lsn position() const;
  /// The end of the last transaction read.
  [[nodiscard]] Lsn ended() const { return ended_; }
  [[nodiscard]] bool idle() const { return open_.empty(); }
  [[nodiscard]] bool is_open(Ticket ticket) const { return open_.contains(ticket); }

 private:
  Ticket next_ = 1;
  Lsn ended_;
  Lsn read_;
  std::map<Ticket, Lsn> open_;         ///< tickets rise with time, and so do their LSNs: the first one is the smallest
  std::multimap<Lsn, Ticket> unread_;  ///< of close_once_read(), open still
};

}  // namespace echodb
