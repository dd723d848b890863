#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>

#include "catalog/records.h"
#include "config/settings.h"
#include "postgres/connection.h"
#include "replication/bookmark.h"

namespace echodb {

/// Which source this is, as far as it can be told from outside.
///
/// A cluster keeps its system identifier for life; copies of it, standbys and restored backups, have the same one. A
/// standby that is promoted, and a backup restored to a point in time, begin a new timeline, and the timeline's history
/// says where it left the old one. With the bookmark in ClickHouse (replication/bookmark.h) that gives, for example:
///
///   bookmark: cluster 7301…, timeline 1, applied 0/5000
///   source: cluster 7301…, timeline 2, which left timeline 1 at 0/5800    a promoted standby that had all we applied
///   source: cluster 7301…, timeline 2, which left timeline 1 at 0/4800    one that had not, or a restored backup
///   source: cluster 7301…, timeline 1, log ends at 0/4000                 a snapshot of the disk, put back
///   source: cluster 7301…, timeline 1, catalog's applied LSN is 0/4000    the same, after new writes
///   source: cluster 7301…, the same, whose slot was confirmed at 0/5000   a dump, restored over the catalog
///   source: cluster 7455…                                                 another cluster
///
/// In all but the first case and the one of the dump, which moves on in its log, rows may be in ClickHouse that the
/// source does not have, of versions that it will use again: only empty tables can be filled rightly.
struct SourceIdentity {
  std::string system_identifier;
  std::uint32_t timeline = 0;
  Lsn wal_end;
  Oid database = 0;                           ///< the database's for life, whatever its name
  std::map<Oid, std::string> databases = {};  ///< the names of all databases of the cluster
};

SourceIdentity identify_source(const PostgresSettings& source, std::stop_token stop);

/// A database for life, whatever its name: "system identifier:oid". `connection` is one to it.
std::string describe_database(PostgresConnection& connection, const PostgresSettings& source, std::stop_token stop);

/// What became of the source since the bookmark was written.
struct SourceComparison {
  SourceIdentity identity;
  std::string fault = {};               ///< why it is not the source that the bookmark speaks of; empty: it is
  std::string restored = {};            ///< why its catalog is older than the bookmark, though it is the same source
  std::optional<Lsn> switched_at = {};  ///< it is, after a failover: where its timeline left the bookmark's
};

/// `stream` is the catalog's record, if it has one.
SourceComparison compare_source(const PostgresSettings& source, const Bookmark& bookmark,
                                const std::optional<StreamRecord>& stream, std::stop_token stop);

/// The error that stops replication until a person has decided.
Error source_replaced(const std::string& fault);

}  // namespace echodb
