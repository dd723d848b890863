#include "replication/watermark.h"

#include "base/assert.h"

namespace echodb {

Watermark::Ticket Watermark::open() {
  Ticket ticket = next_++;
  open_.emplace(ticket, ended_);
  return ticket;
}

void Watermark::close(Ticket ticket) {
  auto closed = open_.erase(ticket);
  ECHO_ASSERT(closed == 1);
}

void Watermark::close_once_read(Ticket ticket, Lsn end) {
  if (end <= read_) return close(ticket);
  ECHO_ASSERT(is_open(ticket));
  unread_.emplace(end, ticket);
}

void Watermark::read_until(Lsn commit) {
  if (commit > read_) read_ = commit;
  while (!unread_.empty() && unread_.begin()->first <= read_) {
    close(unread_.begin()->second);
    unread_.erase(unread_.begin());
  }
}

void Watermark::transaction_ended(Lsn end) {
  if (end > ended_) ended_ = end;
  read_until(ended_);
}

Lsn Watermark::position() const { return open_.empty() ? ended_ : open_.begin()->second; }

}  // namespace echodb
