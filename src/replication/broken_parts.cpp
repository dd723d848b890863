#include "replication/broken_parts.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "base/log.h"
#include "clickhouse/quoting.h"

namespace echodb {
namespace {

constexpr int kUnknownTable = 60;

}  // namespace

std::string BrokenParts::words() const {
  return fmt::format("ClickHouse has set {} broken part{} of it aside ({}: {})", count, count == 1 ? "" : "s", first,
                     reason);
}

std::vector<BrokenParts> find_broken_parts(TargetClient& clickhouse, const std::string& database) {
  std::vector<BrokenParts> found;
  try {
    std::istringstream rows(clickhouse.query(
        fmt::format("SELECT table, toString(count()), min(name), any(reason) FROM system.detached_parts WHERE database "
                    "= {} AND (startsWith(reason, 'broken') OR reason = 'covered-by-broken') GROUP BY table "
                    "FORMAT JSONCompactEachRow",
                    quote_literal(database))));
    for (std::string line; std::getline(rows, line);) {
      const auto row = nlohmann::json::parse(line);
      found.push_back({.table = row.at(0).get<std::string>(),
                       .count = std::stoull(row.at(1).get<std::string>()),
                       .first = row.at(2).get<std::string>(),
                       .reason = row.at(3).get<std::string>()});
    }
  } catch (const nlohmann::json::exception& fault) {
    throw Error(ErrorCode::ProtocolViolation, fmt::format("system.detached_parts cannot be read: {}", fault.what()));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::TargetRejected) throw;
    // ClickHouse of 2018 has no such table.
    if (error.peer_code() != kUnknownTable) {
      log::warn("broken parts cannot be looked for: {} (GRANT SELECT ON system.* lets EchoDB notice lost rows)",
                error.message());
    }
  }
  return found;
}

}  // namespace echodb
