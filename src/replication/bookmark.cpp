#include "replication/bookmark.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/failpoint.h"
#include "base/secret.h"
#include "clickhouse/client.h"
#include "clickhouse/quoting.h"
#include "clickhouse/table_ddl.h"
#include "columns/row_binary_reader.h"
#include "replication/column_types.h"

namespace echodb {
namespace {

constexpr std::uint64_t kNumbersPerRun = 1000;
constexpr int kNoSuchTable = 60;
constexpr int kNoSuchDatabase = 81;

TargetTable table_of(const std::string& database) { return {database, std::string(kBookmarkTable)}; }

/// Columns that an earlier version's table lacks are read as empty texts, or zero.
std::vector<Bookmark> read_rows(TargetClient& clickhouse, const TargetTable& table) {
  const ColumnTypes columns = read_column_types(clickhouse, table);
  if (columns.empty()) return {};
  const bool has_id = columns.contains("target_id");
  const bool has_oid = columns.contains("database_oid");
  const std::string answer = clickhouse.query(
      fmt::format("SELECT stream, {}, system_identifier, timeline, applied, number, {}{} FROM {} ORDER BY number "
                  "DESC FORMAT RowBinary",
                  has_id ? "source_database" : "''", has_id ? "target_id" : "''", has_oid ? ", database_oid" : "",
                  qualified(table)));
  std::vector<Bookmark> bookmarks;
  for (RowBinaryReader reader(as_bytes(answer)); !reader.at_end();) {
    Bookmark& bookmark = bookmarks.emplace_back();
    bookmark.stream = reader.read_string();
    bookmark.database = reader.read_string();
    bookmark.system_identifier = reader.read_string();
    bookmark.timeline = reader.read<std::uint32_t>();
    bookmark.applied = Lsn{reader.read<std::uint64_t>()};
    bookmark.number = reader.read<std::uint64_t>();
    bookmark.target_id = reader.read_string();
    if (has_oid) bookmark.database_oid = reader.read<std::uint32_t>();
  }
  return bookmarks;
}

/// By falling number. A table or database that is gone has none.
std::vector<Bookmark> read_all(TargetClient& clickhouse, const std::string& database) {
  try {
    return read_rows(clickhouse, table_of(database));
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

/// INSERT … SELECT is never asynchronous, whatever the user's profile says. `database_oid`: the value, or the column of
/// the table's own row that is selected from.
std::string insert_sql(const std::string& database, const Bookmark& bookmark, const std::string& database_oid) {
  return fmt::format(
      "INSERT INTO {} (stream, source_database, system_identifier, timeline, applied, number, target_id, database_oid) "
      "SELECT {}, {}, {}, {}, {}, {}, {}, {}",
      qualified(table_of(database)), quote_literal(bookmark.stream), quote_literal(bookmark.database),
      quote_literal(bookmark.system_identifier), bookmark.timeline, bookmark.applied.value, bookmark.number,
      quote_literal(bookmark.target_id), database_oid);
}

bool of_one_source(const Bookmark& one, const Bookmark& other) {
  return one.stream == other.stream && one.system_identifier == other.system_identifier;
}

/// Of two sources that find a target free at the same time, the one that stores its bookmark last sees the other's.
void require_no_other(const std::vector<Bookmark>& now, const std::vector<Bookmark>& before, const Bookmark& claimed) {
  for (const Bookmark& other : now) {
    auto is_its = [&](const Bookmark& known) { return of_one_source(known, other); };
    if (is_its(claimed) || std::ranges::any_of(before, is_its)) continue;
    throw Error(
        ErrorCode::TargetTaken,
        fmt::format("another source, database {} of cluster {}, began to use the target database at the same time",
                    other.database, other.system_identifier),
        "set CLICKHOUSE_DATABASE to a database of each source's own");
  }
}

void create_table(TargetClient& clickhouse, const std::string& database) {
  clickhouse.query(
      fmt::format("CREATE TABLE IF NOT EXISTS {} (stream String, system_identifier String, timeline UInt32, "
                  "applied UInt64, number UInt64, source_database String, target_id String, database_oid UInt32) "
                  "ENGINE = ReplacingMergeTree(number) ORDER BY stream",
                  qualified(table_of(database))));
  // An earlier version's lacks some of them. Servers as old as 18.16 know no IF NOT EXISTS for columns.
  const ColumnTypes there = read_column_types(clickhouse, table_of(database));
  for (const auto& [column, type] : {std::pair("source_database", "String"), std::pair("target_id", "String"),
                                     std::pair("database_oid", "UInt32")}) {
    if (there.contains(column)) continue;
    clickhouse.query(
        fmt::format("ALTER TABLE {} ADD COLUMN {} {} AFTER number", qualified(table_of(database)), column, type));
  }
}

}  // namespace

std::optional<Bookmark> read_bookmark(const ClickHouseSettings& settings, const std::string& stream,
                                      std::stop_token stop) {
  ClickHouseClient clickhouse(settings.without_database(), std::move(stop));
  return read_bookmark(clickhouse, settings.database, stream);
}

std::optional<Bookmark> read_bookmark(TargetClient& clickhouse, const std::string& database,
                                      const std::string& stream) {
  return choose(read_all(clickhouse, database), stream);
}

Bookmark claim_target(const ClickHouseSettings& settings, Bookmark bookmark, std::stop_token stop) {
  ClickHouseClient clickhouse(settings.without_database(), std::move(stop));
  return claim_target(clickhouse, settings.database, std::move(bookmark));
}

Bookmark claim_target(TargetClient& clickhouse, const std::string& database, Bookmark bookmark) {
  create_table(clickhouse, database);
  const std::vector<Bookmark> all = read_all(clickhouse, database);
  if (!all.empty()) bookmark.number = std::max(bookmark.number, all.front().number);
  bookmark.number += kNumbersPerRun;
  if (bookmark.target_id.empty() && !all.empty()) bookmark.target_id = choose(all, bookmark.stream)->target_id;
  if (bookmark.target_id.empty()) bookmark.target_id = make_secret();
  clickhouse.query(insert_sql(database, bookmark, std::to_string(bookmark.database_oid)));
  require_no_other(read_all(clickhouse, database), all, bookmark);
  return bookmark;
}

bool BookmarkKeeper::is_ours(const std::optional<Bookmark>& found) const {
  return found && found->stream == held_.stream && found->target_id == held_.target_id &&
         found->system_identifier == held_.system_identifier && held_.number <= found->number && found->number <= sent_;
}

/// One statement looks and writes: a server that was put in the target's place a moment ago must not get a bookmark
/// that says it has everything. The database's oid stays as the run's first bookmark has it.
void BookmarkKeeper::store(TargetClient& clickhouse, Lsn applied) {
  Bookmark next = held_;
  next.applied = applied;
  next.number = sent_ + 1;
  const std::string table = qualified(table_of(target_database_));
  const std::string sql = fmt::format(
      "{} FROM {} WHERE stream = {} AND target_id = {} AND number BETWEEN {} AND {} AND number = (SELECT max(number) "
      "FROM {}) LIMIT 1",
      insert_sql(target_database_, next, "database_oid"), table, quote_literal(held_.stream),
      quote_literal(held_.target_id), held_.number, sent_, table);
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

std::string BookmarkKeeper::examine(TargetClient& clickhouse) const {
  const std::optional<Bookmark> found = choose(read_all(clickhouse, target_database_), held_.stream);
  if (is_ours(found)) return {};
  if (!found) return "the target database has lost its bookmark: it was dropped, emptied or replaced";
  return fmt::format(
      "the target database has another bookmark than this run's: number {} of stream {} and id {}, not number {} of {} "
      "and {}",
      found->number, found->stream, found->target_id, held_.number, held_.stream, held_.target_id);
}

}  // namespace echodb
