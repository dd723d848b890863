#include "replication/healing_schedule.h"

#include <algorithm>

namespace echodb {
namespace {

constexpr std::chrono::minutes kHealPauseFirst{1};
constexpr std::chrono::minutes kHealPauseMax{60};
constexpr int kHealDoublingsMax = 6;
constexpr std::chrono::milliseconds kHealPauseSchema{500};

}  // namespace

std::chrono::minutes healing_pause(int attempts) {
  return std::min(kHealPauseFirst * (1 << std::min(attempts, kHealDoublingsMax)), kHealPauseMax);
}

void HealingSchedule::failed(Oid table, ErrorCode reason) {
  Healing& healing = tables_[table];
  std::chrono::milliseconds pause = healing_pause(healing.attempts);
  // A schema that we know wrongly is right after a copy.
  if (healing.attempts++ == 0 && reason == ErrorCode::SchemaMismatch) pause = kHealPauseSchema;
  healing.at = SteadyClock::now() + pause;
}

std::vector<Oid> HealingSchedule::take_due() {
  std::vector<Oid> due;
  const auto now = SteadyClock::now();
  for (auto& [table, healing] : tables_) {
    if (healing.at > now) continue;
    healing.at = SteadyClock::time_point::max();
    due.push_back(table);
  }
  return due;
}

std::optional<std::chrono::seconds> HealingSchedule::next_attempt(Oid table) const {
  using Clock = SteadyClock;
  auto found = tables_.find(table);
  if (found == tables_.end() || found->second.at == Clock::time_point::max()) return std::nullopt;
  auto left = std::max(found->second.at - Clock::now(), Clock::duration::zero());
  return std::chrono::ceil<std::chrono::seconds>(left);
}

}  // namespace echodb
