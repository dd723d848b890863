#include "replication/target_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/log.h"
#include "clickhouse/quoting.h"
#include "columns/row_binary_reader.h"

namespace echodb {
namespace {

using Clock = SteadyClock;

constexpr int kUuidSinceMajor = 20;
constexpr int kUuidSinceMinor = 10;
/// Of tables in databases of the engine Ordinary.
constexpr std::string_view kNoUuid = "00000000-0000-0000-0000-000000000000";

/// The server counts whole seconds, so it may have been up for almost one more. Two lives that begin within a second
/// look like one.
struct UpSince {
  Clock::time_point earliest;
  Clock::time_point latest;
};

UpSince up_since(TargetClient& clickhouse) {
  const auto asked = Clock::now();
  const std::chrono::seconds uptime(std::stoll("0" + clickhouse.query("SELECT toUInt64(uptime())")));
  return {.earliest = asked - uptime - std::chrono::seconds(1), .latest = Clock::now() - uptime};
}

FoundTable read_table(RowBinaryReader& reader) {
  const std::string_view uuid = reader.read_string();
  return {.uuid = uuid == kNoUuid ? std::string() : std::string(uuid), .may_empty = reader.read<std::uint8_t>() != 0};
}

/// False when the user may not see parts: then nobody can say that a table was emptied.
bool add_parts(TargetClient& clickhouse, const std::string& database, std::map<std::string, FoundTable>& tables,
               bool may_tell) try {
  const std::string parts = clickhouse.query(
      fmt::format("SELECT table, sum(rows), min(min_block_number), max(max_block_number) FROM system.parts "
                  "WHERE database = {} AND active GROUP BY table FORMAT RowBinary",
                  quote_literal(database)));
  for (RowBinaryReader reader(as_bytes(parts)); !reader.at_end();) {
    auto found = tables.find(std::string(reader.read_string()));
    FoundTable made_since;
    FoundTable& table = found == tables.end() ? made_since : found->second;
    table.rows = reader.read<std::uint64_t>();
    table.first_block = reader.read<std::int64_t>();
    table.last_block = reader.read<std::int64_t>();
  }
  return true;
} catch (const Error& error) {
  if (error.code() != ErrorCode::TargetRejected) throw;
  if (may_tell) {
    log::warn(
        "tables that somebody empties are not noticed: {} (GRANT SELECT ON system.* lets EchoDB notice lost rows)",
        error.message());
  }
  return false;
}

/// Names that are no UTF-8 are not ours, and do no harm here.
std::map<std::string, FoundTable> tables_of(TargetClient& clickhouse, const std::string& database,
                                            const ServerVersion& server, bool may_tell) {
  std::map<std::string, FoundTable> tables;
  const std::string there = clickhouse.query(fmt::format(
      "SELECT name, {}, engine_full LIKE '% TTL %' OR engine_full LIKE '%clean%' FROM system.tables "
      "WHERE database = {} FORMAT RowBinary",
      server.at_least(kUuidSinceMajor, kUuidSinceMinor) ? "toString(uuid)" : "''", quote_literal(database)));
  for (RowBinaryReader reader(as_bytes(there)); !reader.at_end();) {
    std::string name(reader.read_string());
    tables[std::move(name)] = read_table(reader);
  }
  if (!add_parts(clickhouse, database, tables, may_tell)) {
    for (auto& [name, table] : tables) table.may_empty = true;
  }
  const std::string bookmark_uuid = tables[std::string(kBookmarkTable)].uuid;
  for (auto& [name, table] : tables) table.bookmark_uuid = bookmark_uuid;
  return tables;
}

}  // namespace

TargetFindings TargetWatch::look(TargetClient& clickhouse) {
  const UpSince up = up_since(clickhouse);
  TargetFindings found{.broken = find_broken_parts(clickhouse, database_),
                       .tables = tables_of(clickhouse, database_, server_, /*may_tell=*/true)};
  MutexLock lock(mutex_);
  up_since_ = up.latest;
  return found;
}

void TargetWatch::look_again(TargetClient& clickhouse, const BookmarkKeeper& bookmark) {
  if (std::string loss = bookmark.examine(clickhouse); !loss.empty()) {
    MutexLock lock(mutex_);
    found_ = TargetFindings{.loss = std::move(loss)};
    return;
  }
  const UpSince up = up_since(clickhouse);
  bool has_restarted = false;
  {
    MutexLock lock(mutex_);
    has_restarted = up.earliest > up_since_;
  }
  TargetFindings found{.tables = tables_of(clickhouse, database_, server_, /*may_tell=*/has_restarted)};
  if (has_restarted) found.broken = find_broken_parts(clickhouse, database_);
  MutexLock lock(mutex_);
  // Only now: a look that failed is repeated.
  up_since_ = up.latest;
  // Nobody has taken what an earlier look found yet.
  if (found_) std::ranges::move(found_->broken, std::back_inserter(found.broken));
  found_ = std::move(found);
}

bool TargetWatch::is_waited_for() {
  MutexLock lock(mutex_);
  return found_.has_value();
}

std::optional<TargetFindings> TargetWatch::take() {
  MutexLock lock(mutex_);
  return std::exchange(found_, std::nullopt);
}

}  // namespace echodb
