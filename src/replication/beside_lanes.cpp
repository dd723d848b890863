#include "replication/beside_lanes.h"

#include <fmt/format.h>

#include <algorithm>

namespace echodb {

void BesideLanes::push(Oid oid, std::unique_ptr<LaneTask> task) {
  std::erase_if(lanes_, [&](const auto& entry) { return parts_.lanes.depth(*entry.second) == 0; });
  task->tickets.push_back(parts_.watermark.open());
  std::shared_ptr<Lane>& lane = lanes_[oid];
  if (lane == nullptr) lane = std::make_shared<Lane>(fmt::format("relation {}", oid));
  parts_.lanes.push(lane, std::move(task));
}

void BesideLanes::describe(Oid oid, std::string_view tag) {
  push(oid, std::make_unique<DescribeTask>(oid, tag, recent_.all()));
}

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
