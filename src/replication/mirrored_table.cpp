#include "replication/mirrored_table.h"

#include <algorithm>
#include <iterator>

#include "base/assert.h"

namespace echodb {

void MirroredTable::owe_lost_schema() {
  Followed* of = followed();
  if (of == nullptr || !of->lost) return;
  owed.push_back(of->lost->ticket);
  of->lost.reset();
}

void MirroredTable::owe_left_in_log() {
  if (Followed* of = followed()) std::ranges::move(std::exchange(of->left_in_log, {}), std::back_inserter(owed));
}

void MirroredTable::check_invariants() const {
  ECHO_ASSERT(!versions.empty());
  ECHO_ASSERT(record.state == state_of(phase_));
  if (const auto* copying = as<Copying>()) {
    ECHO_ASSERT(copying->job != 0);
    ECHO_ASSERT((copying->gate != nullptr) == schema().key().empty());
  }
  // Rows go to the shadow of a table that is copied, or is to be.
  ECHO_ASSERT(!record.shadow || !is<Streaming>());
  // A gate is left when everything that it has seen has been read.
  if (const auto* streaming = as<Streaming>()) ECHO_ASSERT(streaming->gate == nullptr || streaming->copied_to);
  ECHO_ASSERT(!record.copied || (is<Streaming>() && !record.copy_snapshot.empty()));
  ECHO_ASSERT(is<Dropped>() == record.dropped.has_value());
  ECHO_ASSERT(record.error.empty() || is<Stopped>() || is<Dropped>());
  // Rows that are read wait in a batch, and only those of a table that is followed.
  ECHO_ASSERT(open == nullptr || followed() != nullptr);
}

}  // namespace echodb
