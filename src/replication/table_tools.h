#pragma once

#include "replication/beside_lanes.h"
#include "replication/healing_schedule.h"
#include "replication/recent_transactions.h"
#include "replication/table_names.h"
#include "replication/table_parts.h"
#include "replication/table_steps.h"
#include "replication/table_types.h"
#include "replication/target_inventory.h"
#include "replication/type_changes.h"

namespace echodb {

struct TableCounters {
  std::uint64_t created = 0;
  std::uint64_t dropped = 0;
  std::uint64_t failed = 0;
};

/// What every unit of TableLife may use, and none of which knows of copies, drops or failures. Each uses only those
/// above it.
struct TableTools {
  explicit TableTools(const TableParts& of) : parts(of) {}
  TableTools(const TableTools&) = delete;
  TableTools& operator=(const TableTools&) = delete;

  const TableParts parts;
  TableCounters counters;
  RecentTransactions recent;
  TypeChanges type_changes;
  HealingSchedule healing;
  TargetInventory inventory{{}, {}};
  BesideLanes beside{parts, recent};
  TableTypes types{parts};
  TableSteps steps{parts, inventory};
  TableNames names{parts, steps};
};

}  // namespace echodb
