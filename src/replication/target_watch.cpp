#include "replication/target_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

namespace echodb {
namespace {

using Clock = std::chrono::steady_clock;

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

UpSince up_since(ClickHouseClient& clickhouse) {
  const auto asked = Clock::now();
  const std::chrono::seconds uptime(std::stoll("0" + clickhouse.query("SELECT toUInt64(uptime())")));
  return {.earliest = asked - uptime - std::chrono::seconds(1), .latest = Clock::now() - uptime};
}

/// One line of JSON is one row.
template <typename Take>
void each_row(ClickHouseClient& clickhouse, const std::string& sql, Take take) {
  std::istringstream rows(clickhouse.query(sql + " FORMAT JSONCompactEachRow"));
  for (std::string line; std::getline(rows, line);) {
    const auto row = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    // A name that is no UTF-8 is not one of ours.
    if (row.is_array() && std::ranges::all_of(row, [](const auto& field) { return field.is_string(); })) take(row);
  }
}

std::string text_at(const nlohmann::json& row, std::size_t column) { return row.at(column).get<std::string>(); }

std::map<std::string, FoundTable> tables_of(ClickHouseClient& clickhouse, const std::string& database,
                                            const ServerVersion& server) {
  std::map<std::string, FoundTable> tables;
  const std::string uuid = server.at_least(kUuidSinceMajor, kUuidSinceMinor) ? "toString(uuid)" : "''";
  each_row(clickhouse,
           fmt::format("SELECT name, {}, toString(engine_full LIKE '% TTL %' OR engine_full LIKE '%clean%') "
                       "FROM system.tables WHERE database = {}",
                       uuid, quote_literal(database)),
           [&](const nlohmann::json& row) {
             const std::string found = text_at(row, 1);
             tables[text_at(row, 0)] = {.uuid = found == kNoUuid ? std::string() : found,
                                        .may_empty = text_at(row, 2) == "1"};
           });
  each_row(
      clickhouse,
      fmt::format("SELECT table, toString(sum(rows)), toString(min(min_block_number)), "
                  "toString(max(max_block_number)) FROM system.parts WHERE database = {} AND active GROUP BY table",
                  quote_literal(database)),
      [&](const nlohmann::json& row) {
        auto table = tables.find(text_at(row, 0));
        if (table == tables.end()) return;
        table->second.rows = std::stoull(text_at(row, 1));
        table->second.first_block = std::stoll(text_at(row, 2));
        table->second.last_block = std::stoll(text_at(row, 3));
      });
  const std::string bookmark_uuid = tables[std::string(kBookmarkTable)].uuid;
  for (auto& [name, table] : tables) table.bookmark_uuid = bookmark_uuid;
  return tables;
}

}  // namespace

TargetFindings TargetWatch::look(ClickHouseClient& clickhouse) {
  const UpSince up = up_since(clickhouse);
  TargetFindings found{.broken = find_broken_parts(clickhouse, database_),
                       .tables = tables_of(clickhouse, database_, server_)};
  std::lock_guard lock(mutex_);
  up_since_ = up.latest;
  return found;
}

void TargetWatch::look_again(ClickHouseClient& clickhouse, const BookmarkKeeper& bookmark) {
  if (std::string loss = bookmark.examine(clickhouse); !loss.empty()) {
    std::lock_guard lock(mutex_);
    found_ = TargetFindings{.loss = std::move(loss)};
    return;
  }
  const UpSince up = up_since(clickhouse);
  bool has_restarted = false;
  {
    std::lock_guard lock(mutex_);
    has_restarted = up.earliest > up_since_;
  }
  TargetFindings found{.tables = tables_of(clickhouse, database_, server_)};
  if (has_restarted) found.broken = find_broken_parts(clickhouse, database_);
  std::lock_guard lock(mutex_);
  // Only now: a look that failed is repeated.
  up_since_ = up.latest;
  // Nobody has taken what an earlier look found yet.
  if (found_) std::ranges::move(found_->broken, std::back_inserter(found.broken));
  found_ = std::move(found);
}

std::optional<TargetFindings> TargetWatch::take() {
  std::lock_guard lock(mutex_);
  return std::exchange(found_, std::nullopt);
}

}  // namespace echodb
