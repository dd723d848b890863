#include "replication/beside_lanes.h"

#include <fmt/format.h>

#include <algorithm>

#include "replication/ddl_message.h"

namespace echodb {

void BesideLanes::push_unheld(Oid oid, std::unique_ptr<LaneTask> task) {
  std::erase_if(lanes_, [&](const auto& entry) { return parts_.lanes.depth(*entry.second) == 0; });
  std::shared_ptr<Lane>& lane = lanes_[oid];
  if (lane == nullptr) lane = std::make_shared<Lane>(fmt::format("relation {}", oid));
  parts_.lanes.push(lane, std::move(task));
}

void BesideLanes::push(Oid oid, std::unique_ptr<LaneTask> task) {
  task->tickets.push_back(parts_.watermark.open());
  push_unheld(oid, std::move(task));
}

void BesideLanes::describe_lost(Oid oid, bool has_mirror) {
  auto task = std::make_unique<DescribeTask>(oid, kDescribeTag, recent_.all());
  if (!has_mirror) task->insist();
  push(oid, std::move(task));
}

void BesideLanes::resync(Oid oid) { push_unheld(oid, std::make_unique<DescribeTask>(oid, kResyncTag, recent_.all())); }

std::set<Oid> BesideLanes::at_work() const {
  std::set<Oid> relations;
  for (const auto& [relation, lane] : lanes_) {
    if (parts_.lanes.depth(*lane) > 0) relations.insert(relation);
  }
  return relations;
}

std::optional<Oid> BesideLanes::relation_of(const std::shared_ptr<Lane>& lane) const {
  auto found = std::ranges::find(lanes_, lane, [](const auto& entry) { return entry.second; });
  return found == lanes_.end() ? std::nullopt : std::optional(found->first);
}

}  // namespace echodb
