#include "replication/target_inventory.h"

namespace echodb {
namespace {

constexpr const char* kMadeAnew = "its target was made anew in ClickHouse by somebody else";
constexpr const char* kEmptied = "its target was emptied in ClickHouse by somebody else";

TargetNote note_of(const FoundTable& found) {
  return {
      .uuid = found.uuid, .bookmark_uuid = found.bookmark_uuid, .last_block = found.rows > 0 ? found.last_block : -1};
}

/// A database that was moved to another server by a backup has other uuids throughout; whether it is complete is told
/// by its bookmark.
std::string loss_since(const TargetNote& before, const FoundTable& found) {
  const bool comparable = before.bookmark_uuid == found.bookmark_uuid && !before.uuid.empty() && !found.uuid.empty();
  if (comparable && before.uuid != found.uuid) return kMadeAnew;
  const bool all_gone = found.rows == 0 || found.first_block > before.last_block;
  return before.last_block >= 0 && all_gone && !found.may_empty ? kEmptied : "";
}

/// Which inserts there are need not be noted each time.
bool is_noted(const TargetNote& noted, const TargetNote& now) {
  return noted.uuid == now.uuid && noted.bookmark_uuid == now.bookmark_uuid &&
         (noted.last_block < 0) == (now.last_block < 0);
}

}  // namespace

void TargetInventory::begin(Oid table, const FoundTable& found) {
  auto note = noted_.find(table);
  std::string loss = note == noted_.end() ? std::string() : loss_since(note->second, found);
  if (loss.empty()) {
    known_[table] = note_of(found);
  } else {
    suspected_[table] = std::move(loss);
  }
}

void TargetInventory::stepped(Oid table, Step step) {
  at_rest_.erase(table);
  if (step.target_kept) return;
  known_.erase(table);
  suspected_.erase(table);
  doubted_.erase(table);
  noted_.erase(table);
}

void TargetInventory::look_begins(TableRegistry& registry, const LaneScheduler& lanes, Lsn read) {
  at_rest_.clear();
  if (read < judge_from_) return;
  registry.for_each([&](const MirroredTable& table) {
    const bool at_rest = table.is<Streaming>() && lanes.depth(*table.lane) == 0;
    if (at_rest) at_rest_.insert(table.record.oid);
  });
}

std::string TargetInventory::loss_of(Oid table, const FoundTable& found) const {
  if (auto suspected = suspected_.find(table); suspected != suspected_.end()) return suspected->second;
  auto known = known_.find(table);
  return known == known_.end() ? std::string() : loss_since(known->second, found);
}

TargetInventory::Verdict TargetInventory::judge(Oid table, const FoundTable& found) {
  if (!at_rest_.contains(table)) return {};
  if (std::string loss = loss_of(table, found); !loss.empty()) {
    const bool again = !doubted_.insert(table).second;
    return {.loss = again ? std::move(loss) : std::string()};
  }
  doubted_.erase(table);
  const TargetNote note = note_of(found);
  known_[table] = note;
  auto noted = noted_.find(table);
  if (noted != noted_.end() && is_noted(noted->second, note)) return {};
  noted_[table] = note;
  return {.note = note};
}

}  // namespace echodb
