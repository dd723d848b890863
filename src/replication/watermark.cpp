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

void Watermark::transaction_ended(Lsn end) {
  if (end > ended_) ended_ = end;
}

Lsn Watermark::position() const { return open_.empty() ? ended_ : open_.begin()->second; }

}  // namespace echodb
