#include "replication/bookmark.h"

#include <fmt/format.h>

#include <sstream>

#include "clickhouse/quoting.h"
#include "clickhouse/table_ddl.h"

namespace echodb {
namespace {

constexpr std::string_view kTable = "_echodb_bookmark";

std::string table_of(const std::string& database) { return qualified({database, std::string(kTable)}); }

/// The database may not be there yet.
ClickHouseClient client_of(ClickHouseSettings settings, std::stop_token stop) {
  settings.database.clear();
  return ClickHouseClient(settings, std::move(stop));
}

std::optional<Bookmark> read(TargetClient& clickhouse, const std::string& database, const std::string& stream) {
  std::string exists =
      clickhouse.query(fmt::format("SELECT count() FROM system.tables WHERE database = {} AND name = {}",
                                   quote_literal(database), quote_literal(kTable)));
  if (exists == "0\n") return std::nullopt;
  std::istringstream row(clickhouse.query(
      fmt::format("SELECT system_identifier, timeline, applied, number FROM {} WHERE stream = {} ORDER BY number DESC "
                  "LIMIT 1",
                  table_of(database), quote_literal(stream))));
  Bookmark found{.stream = stream};
  row >> found.system_identifier >> found.timeline >> found.applied.value >> found.number;
  return row ? std::optional(found) : std::nullopt;
}

void insert(TargetClient& clickhouse, const std::string& database, const Bookmark& bookmark) {
  clickhouse.query(
      fmt::format("INSERT INTO {} (stream, system_identifier, timeline, applied, number) VALUES ({}, {}, "
                  "{}, {}, {})",
                  table_of(database), quote_literal(bookmark.stream), quote_literal(bookmark.system_identifier),
                  bookmark.timeline, bookmark.applied.value, bookmark.number));
}

}  // namespace

std::optional<Bookmark> read_bookmark(const ClickHouseSettings& settings, const std::string& stream,
                                      std::stop_token stop) {
  ClickHouseClient clickhouse = client_of(settings, std::move(stop));
  return read(clickhouse, settings.database, stream);
}

void write_bookmark(const ClickHouseSettings& settings, Bookmark bookmark, std::stop_token stop) {
  ClickHouseClient clickhouse = client_of(settings, std::move(stop));
  clickhouse.query(
      fmt::format("CREATE TABLE IF NOT EXISTS {} (stream String, system_identifier String, timeline UInt32, "
                  "applied UInt64, number UInt64) ENGINE = ReplacingMergeTree(number) ORDER BY stream",
                  table_of(settings.database)));
  std::optional<Bookmark> last = read(clickhouse, settings.database, bookmark.stream);
  bookmark.number = last ? last->number + 1 : 1;
  insert(clickhouse, settings.database, bookmark);
}

void BookmarkTask::run(WriterTools& tools) {
  std::optional<Bookmark> last = read(tools.clickhouse, database_, bookmark_.stream);
  bookmark_.number = last ? last->number + 1 : 1;
  insert(tools.clickhouse, database_, bookmark_);
}

}  // namespace echodb
