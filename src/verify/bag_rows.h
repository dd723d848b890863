#pragma once

#include <functional>
#include <string>

#include "replication/table_batch.h"
#include "verify/target_reader.h"

namespace echodb {

/// A row or a tombstone of a table without a key as it was inserted into the target.
struct BagRow {
  BagIdentity identity;
  std::uint64_t version = 0;
  std::uint64_t change = 0;
  std::uint64_t digest = 0;  ///< of its values
  bool deleted = false;

  auto operator<=>(const BagRow&) const = default;
};

/// All rows and tombstones for which the condition holds (empty: always), in no order.
void read_bag_rows(const CheckedTable& table, TargetReader& target, const std::string& condition,
                   const std::function<void(const BagRow&)>& on_row);

/// A hash as a literal of ClickHouse's.
std::string hash_literal(const RowHash& hash);

}  // namespace echodb
