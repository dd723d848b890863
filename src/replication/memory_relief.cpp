#include "replication/memory_relief.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/log.h"

namespace echodb {

void MemoryRelief::leave_in_log(std::size_t buffered) {
  MirroredTable* most = nullptr;
  std::size_t blocked = 0;
  std::size_t most_bytes = 0;
  parts_.registry.for_each([&](MirroredTable& table) {
    const std::size_t bytes = parts_.lanes.blocked_bytes(*table.lane);
    blocked += bytes;
    if (bytes <= most_bytes) return;
    most = &table;
    most_bytes = bytes;
  });
  if (most == nullptr || 2 * blocked < buffered) return;
  Followed* of = most->followed();
  if (of == nullptr) return give_up(most->lane, Error(ErrorCode::TargetOverloaded, "they have filled the memory"));
  LaneEvent dropped = parts_.lanes.drop_rows(most->lane);
  parts_.batcher.written(dropped.bytes);
  if (std::optional<Watermark::Ticket> ticket = parts_.batcher.discard(*most)) dropped.tickets.push_back(*ticket);
  log::info("{}: memory is full of its rows, which wait for a copy: they are left in the log until they can be written",
            most->name());
  std::ranges::copy(dropped.tickets, std::back_inserter(of->left_in_log));
  left_.insert(most->record.oid);
}

/// Not while another table without a key is being copied: its copy, one transaction, would begin anew.
bool MemoryRelief::must_read_again() {
  std::erase_if(left_, [this](Oid oid) {
    const MirroredTable* table = parts_.registry.find(oid);
    const Followed* of = table == nullptr ? nullptr : table->followed();
    return of == nullptr || of->left_in_log.empty();
  });
  if (left_.empty()) return false;
  bool copying = false;
  parts_.registry.for_each([&](MirroredTable& table) {
    copying = copying || (table.is_copied_whole() && table.followed()->gate->has_passed());
  });
  return !copying && std::ranges::any_of(left_, [this](Oid oid) {
    const MirroredTable* table = parts_.registry.find(oid);
    return !table->is_copied_whole() && parts_.lanes.depth(*table->lane) == 0;
  });
}

/// The dropped steps' tickets stay open until it is on record that the table has to be copied: no position is confirmed
/// before, and whoever comes after a crash finds either the rows or the record.
void MemoryRelief::give_up(const std::shared_ptr<Lane>& lane, const Error& reason) {
  MirroredTable* found = nullptr;
  parts_.registry.for_each([&](MirroredTable& table) {
    if (table.lane == lane && (found == nullptr || table.followed() != nullptr)) found = &table;
  });
  LaneEvent dropped = parts_.lanes.drop_rows(lane);
  parts_.batcher.written(dropped.bytes);
  if (found != nullptr && found->followed() != nullptr) {
    std::ranges::copy(dropped.tickets, std::back_inserter(found->owed));
    return failures_.fail(*found, reason, parts_.watermark.ended());
  }
  // It has stopped or gone already, and the step that puts that on record stands before this one.
  log::warn("{}: what it had left to write is dropped: {}", lane->name(), reason.what());
  auto task = std::make_unique<JournalTask>(
      parts_.catalog,
      StreamCatalog::JournalEntry{
          .table = found == nullptr ? 0 : found->record.oid, .event = "rows_dropped", .detail = reason.what()});
  task->tickets = std::move(dropped.tickets);
  parts_.lanes.push(lane, std::move(task));
}

}  // namespace echodb
