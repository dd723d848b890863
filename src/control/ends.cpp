#include "control/ends.h"

#include <fmt/format.h>

#include "base/error.h"
#include "control/setup.h"

namespace echodb {
namespace {

/// Another cluster in the place of the one that the target holds brings along a catalog that knows the target. One
/// without that is another source, which may or may not have taken the other's place: a person has to say so.
bool is_known(const Bookmark& bookmark, const std::optional<StreamRecord>& stream) {
  return stream && (bookmark.target_id.empty() || stream->target_id == bookmark.target_id);
}

std::string owner_of(const Bookmark& bookmark, const std::string& stream, const SourceIdentity& source,
                     const std::optional<StreamRecord>& record) {
  const bool same_cluster = bookmark.system_identifier == source.system_identifier;
  if (bookmark.stream == stream && (same_cluster || is_known(bookmark, record))) return {};
  const std::string& database = bookmark.database.empty() ? bookmark.stream : bookmark.database;
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

/// The catalog is read before the bookmark and after it: a worker may be writing both, and each of the two is compared
/// with what the other one has known for longer.
EndsComparison compare_ends(const Settings& settings, CatalogStore& catalog, std::stop_token stop) {
  const std::string name = stream_names(settings).stream;
  EndsComparison ends;
  const std::optional<StreamRecord> before = catalog.find_stream(name);
  ends.bookmark = read_bookmark(settings.clickhouse, name, stop);
  ends.stream = catalog.find_stream(name);
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
