#include "replication/target_losses.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace echodb {
namespace {

constexpr const char* kGone = "its target is gone from ClickHouse";

}  // namespace

/// A copy that a step has begun replaces what is broken as well.
void TargetLosses::begin(MirroredTable& table, const TargetTable& holder, const TargetFindings& target) {
  const auto is_copied = [&] { return table.is<Copying>() && table.as<Copying>()->job != 0; };
  if (!is_copied()) replace_if_broken(table, holder, target.broken);
  auto found = target.tables.find(holder.name);
  const bool missing = table.is<Streaming>() && found == target.tables.end();
  if (missing) replace(table, kGone);
  if (found != target.tables.end()) inventory_.begin(table.record.oid, found->second);
}

void TargetLosses::look_begins() { inventory_.look_begins(parts_.registry, parts_.lanes, parts_.watermark.ended()); }

/// A table with work in its lane may be about to be made, or renamed; so may one that was when ClickHouse was asked: a
/// target is gone when two looks in a row miss it.
void TargetLosses::look_ended(const TargetFindings& target) {
  if (!target.loss.empty()) throw Error(ErrorCode::TargetReplaced, target.loss);
  std::set<Oid> missing;
  parts_.registry.for_each([&](MirroredTable& table) {
    if (!target.broken.empty()) {
      if (table.followed() != nullptr) parts_.batcher.seal(table);
      replace_if_broken(table, parts_.registry.write_target(table), target.broken);
    }
    const bool at_rest = table.is<Streaming>() && parts_.lanes.depth(*table.lane) == 0;
    if (!at_rest) return;
    auto found = target.tables.find(table.record.target_name);
    if (found != target.tables.end()) return judge(table, found->second);
    missing.insert(table.record.oid);
    if (!missing_.contains(table.record.oid)) return;
    parts_.batcher.seal(table);
    replace(table, kGone);
  });
  missing_ = std::move(missing);
}

/// A target that a copy is about to replace needs nothing: only what will be read in the end counts.
void TargetLosses::replace_if_broken(MirroredTable& table, const TargetTable& holder,
                                     const std::vector<BrokenParts>& broken) {
  auto found = std::ranges::find(broken, holder.name, &BrokenParts::table);
  if (found == broken.end() || table.followed() == nullptr) return;
  log::warn("{}: {}, and rows with them; the table is copied again", table.name(), found->words());
  copies_.copy_again(table, std::nullopt, {.floor = table.record.floor, .reason = found->words()});
}

void TargetLosses::replace(MirroredTable& table, const std::string& reason) {
  log::warn("{}: {} ({}); the table is copied again", table.name(), reason, table.record.target_name);
  copies_.copy_again(table, std::nullopt, {.floor = table.record.floor, .reason = reason});
}

void TargetLosses::judge(MirroredTable& table, const FoundTable& found) {
  TargetInventory::Verdict verdict = inventory_.judge(table.record.oid, found);
  if (verdict.note) {
    parts_.lanes.push(table.lane, std::make_unique<TargetNoteTask>(parts_.catalog, parts_.stream, table.record.oid,
                                                                   *std::move(verdict.note)));
  }
  if (verdict.loss.empty()) return;
  parts_.batcher.seal(table);
  replace(table, verdict.loss);
}

}  // namespace echodb
