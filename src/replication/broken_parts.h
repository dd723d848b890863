#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clickhouse/target_client.h"

namespace echodb {

/// Parts of one target table that ClickHouse has set aside because it cannot read them: rows that were acknowledged and
/// are not there any more. A power cut, a disk that was full, a broken disk. What an operator detaches has no such
/// reason. They go with the table that has them, so a table that was copied again has none.
struct BrokenParts {
  std::string table;  ///< the target's name
  std::uint64_t count = 0;
  std::string first;  ///< the name of one
  std::string reason;

  /// For the log and the journal.
  [[nodiscard]] std::string words() const;
};

/// By table, those of the database that have any; none where the server does not tell.
std::vector<BrokenParts> find_broken_parts(TargetClient& clickhouse, const std::string& database);

}  // namespace echodb
