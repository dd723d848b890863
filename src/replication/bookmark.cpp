#include "replication/bookmark.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "base/failpoint.h"
#include "base/secret.h"
#include "clickhouse/table_ddl.h"

namespace echodb {
namespace {

constexpr std::uint64_t kNumbersPerRun = 1000;
constexpr int kNoSuchTable = 60;
constexpr int kNoSuchDatabase = 81;

std::string table_of(const std::string& database) { return qualified({database, std::string(kBookmarkTable)}); }

/// The database may not be there yet.
ClickHouseClient client_of(ClickHouseSettings settings, std::stop_token stop) {
  settings.database.clear();
  return ClickHouseClient(settings, std::move(stop));
}

std::uint64_t number_of(const nlohmann::json& field) { return std::stoull(field.get<std::string>()); }

/// Columns that an earlier version's table lacks are read as empty texts.
std::vector<Bookmark> read_rows(ClickHouseClient& clickhouse, const std::string& database) {
  const std::string columns = clickhouse.query(
      fmt::format("SELECT count(), countIf(name = 'target_id') FROM system.columns WHERE database = {} AND table = {}",
                  quote_literal(database), quote_literal(kBookmarkTable)));
  if (columns == "0\t0\n") return {};
  const bool has_id = columns.ends_with("\t1\n");
  std::istringstream rows(clickhouse.query(fmt::format(
      "SELECT stream, {}, system_identifier, toString(timeline), toString(applied), toString(number), {} FROM {} "
      "ORDER BY number DESC FORMAT JSONCompactEachRow",
      has_id ? "source_database" : "''", has_id ? "target_id" : "''", table_of(database))));
  std::vector<Bookmark> bookmarks;
  for (std::string line; std::getline(rows, line);) {
    const auto row = nlohmann::json::parse(line);
    bookmarks.push_back({.stream = row.at(0).get<std::string>(),
                         .database = row.at(1).get<std::string>(),
                         .system_identifier = row.at(2).get<std::string>(),
                         .timeline = static_cast<std::uint32_t>(number_of(row.at(3))),
                         .applied = Lsn{number_of(row.at(4))},
                         .number = number_of(row.at(5)),
                         .target_id = row.at(6).get<std::string>()});
  }
  return bookmarks;
}

/// By falling number. A table or database that is gone has none.
std::vector<Bookmark> read_all(ClickHouseClient& clickhouse, const std::string& database) {
  try {
    return read_rows(clickhouse, database);
  } catch (const nlohmann::json::exception& fault) {
    throw Error(ErrorCode::ProtocolViolation, fmt::format("the bookmark cannot be read: {}", fault.what()));
  } catch (const Error& error) {
    const bool gone = error.peer_code() == kNoSuchTable || error.peer_code() == kNoSuchDatabase;
    if (error.code() == ErrorCode::TargetRejected && gone) return {};
    throw;
  }
}

/// An earlier version may have written a stream's newest row, and leaves out the id that an older row still has.
std::optional<Bookmark> newest_of(const std::vector<Bookmark>& all, const std::string& stream) {
  auto newest = std::ranges::find(all, stream, &Bookmark::stream);
  if (newest == all.end()) return std::nullopt;
  Bookmark bookmark = *newest;
  auto with_id = std::ranges::find_if(
      all, [&](const Bookmark& other) { return other.stream == stream && !other.target_id.empty(); });
  if (with_id != all.end()) bookmark.target_id = with_id->target_id;
  return bookmark;
}

std::optional<Bookmark> choose(const std::vector<Bookmark>& all, const std::string& stream) {
  if (all.empty()) return std::nullopt;
  auto with_id = std::ranges::find_if(all, [](const Bookmark& bookmark) { return !bookmark.target_id.empty(); });
  if (with_id != all.end()) return newest_of(all, with_id->stream);
  std::optional<Bookmark> own = newest_of(all, stream);
  return own ? own : all.front();
}

std::string values_of(const Bookmark& bookmark) {
  return fmt::format("{}, {}, {}, {}, {}, {}, {}", quote_literal(bookmark.stream), quote_literal(bookmark.database),
                     quote_literal(bookmark.system_identifier), bookmark.timeline, bookmark.applied.value,
                     bookmark.number, quote_literal(bookmark.target_id));
}

/// INSERT … SELECT is never asynchronous, whatever the user's profile says.
std::string insert_sql(const std::string& database, const Bookmark& bookmark) {
  return fmt::format(
      "INSERT INTO {} (stream, source_database, system_identifier, timeline, applied, number, target_id) SELECT {}",
      table_of(database), values_of(bookmark));
}

void create_table(ClickHouseClient& clickhouse, const std::string& database) {
  clickhouse.query(
      fmt::format("CREATE TABLE IF NOT EXISTS {} (stream String, system_identifier String, timeline UInt32, "
                  "applied UInt64, number UInt64, source_database String, target_id String) "
                  "ENGINE = ReplacingMergeTree(number) ORDER BY stream",
                  table_of(database)));
  for (const char* column : {"source_database", "target_id"}) {
    clickhouse.query(
        add_column_sql({database, std::string(kBookmarkTable)}, {column, "String", {}}, {.after = "number"}));
  }
}

}  // namespace

std::optional<Bookmark> read_bookmark(const ClickHouseSettings& settings, const std::string& stream,
                                      std::stop_token stop) {
  ClickHouseClient clickhouse = client_of(settings, std::move(stop));
  return choose(read_all(clickhouse, settings.database), stream);
}

Bookmark claim_target(const ClickHouseSettings& settings, Bookmark bookmark, std::stop_token stop) {
  ClickHouseClient clickhouse = client_of(settings, std::move(stop));
  create_table(clickhouse, settings.database);
  const std::vector<Bookmark> all = read_all(clickhouse, settings.database);
  if (!all.empty()) bookmark.number = std::max(bookmark.number, all.front().number);
  bookmark.number += kNumbersPerRun;
  if (bookmark.target_id.empty() && !all.empty()) bookmark.target_id = choose(all, bookmark.stream)->target_id;
  if (bookmark.target_id.empty()) bookmark.target_id = make_secret();
  clickhouse.query(insert_sql(settings.database, bookmark));
  return bookmark;
}

bool BookmarkKeeper::is_ours(const std::optional<Bookmark>& found) const {
  return found && found->stream == held_.stream && found->target_id == held_.target_id &&
         found->system_identifier == held_.system_identifier && held_.number <= found->number && found->number <= sent_;
}

/// One statement looks and writes: a server that was put in the target's place a moment ago must not get a bookmark
/// that says it has everything.
void BookmarkKeeper::store(ClickHouseClient& clickhouse, Lsn applied) {
  Bookmark next = held_;
  next.applied = applied;
  next.number = sent_ + 1;
  const std::string table = table_of(target_database_);
  const std::string sql = fmt::format(
      "{} FROM {} WHERE stream = {} AND target_id = {} AND number BETWEEN {} AND {} AND number = (SELECT max(number) "
      "FROM {}) LIMIT 1",
      insert_sql(target_database_, next), table, quote_literal(held_.stream), quote_literal(held_.target_id),
      held_.number, sent_, table);
  ++sent_;
  clickhouse.query(sql);
  const std::optional<Bookmark> found = choose(read_all(clickhouse, target_database_), held_.stream);
  if (!is_ours(found) || found->number != next.number) {
    throw Error(ErrorCode::TargetReplaced, "the target no longer has the bookmark that was stored last");
  }
  held_ = std::move(next);
  failpoint("bookmark.written");
  catalog_.save_target(held_.stream, held_.target_id, held_.number);
}

std::string BookmarkKeeper::examine(ClickHouseClient& clickhouse) const {
  const std::optional<Bookmark> found = choose(read_all(clickhouse, target_database_), held_.stream);
  if (is_ours(found)) return {};
  if (!found) return "the target database has lost its bookmark: it was dropped, emptied or replaced";
  return fmt::format(
      "the target database has another bookmark than this run's: number {} of stream {} and id {}, not number {} of {} "
      "and {}",
      found->number, found->stream, found->target_id, held_.number, held_.stream, held_.target_id);
}

}  // namespace echodb
