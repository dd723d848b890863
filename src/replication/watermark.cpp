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
  if (end <= ended_) return close(ticket);
  ECHO_ASSERT(is_open(ticket));
  unread_.emplace(end, ticket);
}

void Watermark::transaction_ended(Lsn end) {
  if (end > ended_) ended_ = end;
  while (!unread_.empty() && unread_.begin()->first <= ended_) {
    close(unread_.begin()->second);
    unread_.erase(unread_.begin());
  }
}

Lsn Watermark::position() const { return open_.empty() ? ended_ : open_.begin()->second; }

}  // namespace echodb
