#include "control/ends.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "control/setup.h"
#include "control/slot_state.h"

namespace echodb {
namespace {

/// Another cluster in the place of the one that the target holds brings along a catalog that knows the target. One
/// without that is another source, which may or may not have taken the other's place: a person has to say so.
bool is_known(const Bookmark& bookmark, const std::optional<StreamRecord>& stream) {
  return stream && (bookmark.target_id.empty() || stream->target_id == bookmark.target_id);
}

const std::string& database_of(const Bookmark& bookmark) {
  return bookmark.database.empty() ? bookmark.stream : bookmark.database;
}

bool has_database(const SourceIdentity& source, const std::string& name) {
  return std::ranges::any_of(source.databases, [&](const auto& database) { return database.second == name; });
}

/// The owner, when it is a database of this cluster whose oid the bookmark has.
std::optional<std::string> owner_by_oid(const Bookmark& bookmark, const SourceIdentity& source) {
  if (bookmark.database_oid == 0) return std::nullopt;
  if (bookmark.database_oid == source.database) return std::string();
  auto other = source.databases.find(bookmark.database_oid);
  if (other == source.databases.end()) return std::nullopt;
  return fmt::format("database {} of this PostgreSQL cluster", other->second);
}

std::string owner_of(const Bookmark& bookmark, const std::string& stream, const SourceIdentity& source,
                     const std::optional<StreamRecord>& record) {
  const bool same_cluster = bookmark.system_identifier == source.system_identifier;
  if (same_cluster) {
    if (std::optional<std::string> owner = owner_by_oid(bookmark, source)) return *owner;
  }
  const bool knows = is_known(bookmark, record);
  if (bookmark.stream == stream && (same_cluster || knows)) return {};
  const std::string& database = database_of(bookmark);
  // Of a version that knew no oids.
  const bool renamed = !bookmark.target_id.empty() && knows && !has_database(source, database);
  if (same_cluster && renamed && bookmark.database_oid == 0) return {};
  if (same_cluster) return fmt::format("database {} of this PostgreSQL cluster", database);
  return fmt::format("database {} of another PostgreSQL cluster (system identifier {})", database,
                     bookmark.system_identifier);
}

}  // namespace

std::string target_loss(const StreamRecord& stream, const std::optional<Bookmark>& bookmark,
                        const std::string& target_database) {
  // A version before this one knew no ids; and what is copied again anyway has nothing to lose.
  if (stream.target_id.empty() || !stream.remake.empty()) return {};
  if (!bookmark) {
    return fmt::format(
        "ClickHouse's database {} is not the one that was replicated to: it has been dropped, emptied or replaced",
        target_database);
  }
  if (!bookmark->target_id.empty() && bookmark->target_id != stream.target_id) {
    return fmt::format("ClickHouse's database {} is another one than before (its id is {}, and was {})",
                       target_database, bookmark->target_id, stream.target_id);
  }
  if (bookmark->number >= stream.target_number) return {};
  return fmt::format(
      "ClickHouse's database {} went back in time: it holds changes up to {} by its bookmark number {}, and has had "
      "number {}",
      target_database, to_string(bookmark->applied), bookmark->number, stream.target_number);
}

std::optional<StreamRecord> find_own_stream(const Settings& settings, CatalogStore& catalog, std::stop_token stop) {
  const std::string name = stream_names(settings).stream;
  if (std::optional<StreamRecord> stream = catalog.find_stream(name)) return stream;
  std::vector<StreamRecord> others = catalog.streams();
  if (others.empty()) return std::nullopt;
  PostgresConnection source(settings.postgres, ConnectionKind::Ordinary, stop);
  for (const StreamRecord& other : others) {
    if (is_slot_of_this_database(source, other.slot)) return other;
  }
  const std::optional<Bookmark> bookmark = read_bookmark(settings.clickhouse, name, stop);
  if (!bookmark || bookmark->database_oid == 0) return std::nullopt;
  const SourceIdentity here = identify_source(settings.postgres, std::move(stop));
  if (here.system_identifier != bookmark->system_identifier || here.database != bookmark->database_oid) {
    return std::nullopt;
  }
  auto its = std::ranges::find(others, bookmark->stream, &StreamRecord::name);
  return its == others.end() ? std::nullopt : std::optional(*its);
}

/// The catalog is read before the bookmark and after it: a worker may be writing both, and each of the two is compared
/// with what the other one has known for longer.
EndsComparison compare_ends(const Settings& settings, CatalogStore& catalog, std::stop_token stop) {
  const std::string name = stream_names(settings).stream;
  EndsComparison ends;
  const std::optional<StreamRecord> before = find_own_stream(settings, catalog, stop);
  ends.bookmark = read_bookmark(settings.clickhouse, name, stop);
  ends.stream = before ? catalog.find_stream(before->name) : catalog.find_stream(name);
  ends.source = {.identity = identify_source(settings.postgres, stop)};
  if (ends.bookmark) {
    ends.owner = owner_of(*ends.bookmark, name, ends.source.identity, ends.stream);
    if (!ends.owner.empty()) return ends;
    ends.source = compare_source(settings.postgres, *ends.bookmark, ends.stream, std::move(stop));
  }
  if (before) ends.target_loss = target_loss(*before, ends.bookmark, settings.clickhouse.database);
  return ends;
}

Error target_taken(const Settings& settings, const std::string& owner) {
  return {
      ErrorCode::TargetTaken,
      fmt::format("ClickHouse's database {} belongs to {}; two sources would overwrite each other's rows there",
                  settings.clickhouse.database, owner),
      "set CLICKHOUSE_DATABASE to a database of this source's own; or, if this source is to have it from now on, run "
      "`echodb setup --accept-new-source`: every table is copied again behind its readers' backs"};
}

}  // namespace echodb
