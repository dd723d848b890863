#include "control/source_identity.h"

#include <fmt/format.h>

#include <sstream>

#include "base/error.h"

namespace echodb {
namespace {

SourceIdentity identify(PostgresConnection& replication) {
  QueryResult system = replication.execute("IDENTIFY_SYSTEM");
  SourceIdentity source{.system_identifier = std::string(system.text(0, 0)),
                        .timeline = static_cast<std::uint32_t>(system.number(0, 1)),
                        .wal_end = parse_lsn(system.text(0, 2))};
  QueryResult databases =
      replication.execute("SELECT oid, datname, datname = pg_catalog.current_database() FROM pg_catalog.pg_database");
  for (std::size_t row = 0; row < databases.rows(); ++row) {
    const auto oid = static_cast<Oid>(databases.number(row, 0));
    source.databases[oid] = databases.text(row, 1);
    if (databases.boolean(row, 2)) source.database = oid;
  }
  return source;
}

/// Where the source's history left a timeline; nullopt when it never was on it. Lines of a history file read
/// "parent timeline, position, reason".
std::optional<Lsn> left_timeline(PostgresConnection& replication, const SourceIdentity& source, std::uint32_t wanted) {
  if (wanted >= source.timeline) return std::nullopt;
  QueryResult history = replication.execute(fmt::format("TIMELINE_HISTORY {}", source.timeline));
  std::istringstream lines{std::string(history.text(0, 1))};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::uint32_t timeline = 0;
    std::string position;
    if (fields >> timeline >> position && timeline == wanted) return parse_lsn(position);
  }
  return std::nullopt;
}

std::string gone_back(const Bookmark& bookmark, std::string_view what, Lsn position) {
  return fmt::format("the source went back in time: ClickHouse holds its changes up to {}, and {} {}",
                     to_string(bookmark.applied), what, to_string(position));
}

/// A cluster that went back has its slot from then, or none. One whose slot knows what was confirmed has only had a
/// dump restored over the catalog.
bool slot_remembers(PostgresConnection& replication, const StreamRecord& stream, const Bookmark& bookmark) {
  QueryResult slot = replication.execute(fmt::format(
      "SELECT confirmed_flush_lsn FROM pg_catalog.pg_replication_slots WHERE confirmed_flush_lsn IS NOT NULL AND "
      "slot_name = {}",
      quote_sql_literal(stream.slot)));
  return slot.rows() > 0 && parse_lsn(slot.text(0, 0)) >= bookmark.applied;
}

}  // namespace

SourceIdentity identify_source(const PostgresSettings& source, std::stop_token stop) {
  PostgresConnection replication(source, ConnectionKind::Replication, std::move(stop));
  return identify(replication);
}

std::string describe_database(PostgresConnection& connection, const PostgresSettings& source, std::stop_token stop) {
  QueryResult database = connection.execute("SELECT oid FROM pg_database WHERE datname = current_database()");
  return fmt::format("{}:{}", identify_source(source, std::move(stop)).system_identifier, database.number(0, 0));
}

SourceComparison compare_source(const PostgresSettings& source, const Bookmark& bookmark,
                                const std::optional<StreamRecord>& stream, std::stop_token stop) {
  PostgresConnection replication(source, ConnectionKind::Replication, std::move(stop));
  SourceComparison result{.identity = identify(replication)};
  const SourceIdentity& now = result.identity;
  if (now.system_identifier != bookmark.system_identifier) {
    result.fault = fmt::format(
        "the source is another cluster (system identifier {}) than the one that ClickHouse "
        "holds ({})",
        now.system_identifier, bookmark.system_identifier);
    return result;
  }
  if (now.timeline == bookmark.timeline) {
    if (now.wal_end < bookmark.applied) result.fault = gone_back(bookmark, "its log ends at", now.wal_end);
    // Of a stream that is being made again the bookmark knows first.
    if (stream && stream->remake.empty() && stream->applied < bookmark.applied) {
      const std::string fault = gone_back(bookmark, "it remembers having sent", stream->applied);
      (slot_remembers(replication, *stream, bookmark) ? result.restored : result.fault) = fault;
    }
    return result;
  }
  result.switched_at = left_timeline(replication, now, bookmark.timeline);
  if (!result.switched_at) {
    result.fault = fmt::format(
        "the source is on timeline {}, which does not come from timeline {}, the one that "
        "ClickHouse holds",
        now.timeline, bookmark.timeline);
  } else if (*result.switched_at < bookmark.applied) {
    result.fault = gone_back(bookmark, fmt::format("its timeline {} began at", now.timeline), *result.switched_at);
  }
  return result;
}

Error source_replaced(const std::string& fault) {
  return Error(ErrorCode::SourceReplaced, fault + ", as after a restored backup",
               "see that POSTGRES_HOST names the right server; if it does, run `echodb setup --accept-new-source`: "
               "every table is copied again behind its readers' backs");
}

}  // namespace echodb
