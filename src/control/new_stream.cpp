#include "control/new_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/failpoint.h"
#include "base/log.h"
#include "clickhouse/client.h"
#include "clickhouse/quoting.h"
#include "clickhouse/table_ddl.h"
#include "control/slot_wait.h"
#include "control/source_identity.h"
#include "control/stream_tables.h"
#include "postgres/server_version.h"
#include "replication/bookmark.h"

namespace echodb {
namespace {

/// How often a slot is made before a schema that keeps changing is put up with.
constexpr int kSlotTries = 5;

using Tables = std::vector<TableRecord>;

const TableSchema& schema_of(const TableRecord& table) { return table.versions.back().schema; }

/// The tables as they are at the slot's first position, read in the slot's own snapshot. Those of the first schema of
/// SYNC_SCHEMA come first: they have the first choice of names.
Tables read_tables(PostgresConnection& replication, Lsn consistent, const Settings& settings) {
  QueryResult found = replication.execute(
      "SELECT r.prrelid, _echodb.table_snapshot(r.prrelid) FROM pg_publication_rel r JOIN pg_publication p "
      "ON p.oid = r.prpubid, _echodb.watch w WHERE p.pubname IN (w.publication, w.publication || '_insert_only')");
  Tables tables;
  for (std::size_t row = 0; row < found.rows(); ++row) {
    std::string snapshot(found.text(row, 1));
    TableRecord table{.oid = static_cast<Oid>(found.number(row, 0))};
    table.versions.push_back({consistent, parse_table_schema(snapshot), snapshot});
    tables.push_back(std::move(table));
  }
  auto rank = [&](const TableRecord& table) {
    return std::ranges::find(settings.sync_schemas, schema_of(table).schema) - settings.sync_schemas.begin();
  };
  std::ranges::stable_sort(tables, {}, rank);
  return tables;
}

/// A catalog that went back with its source, or a target that did, or that was another source's: the catalog does not
/// know all that is in ClickHouse, and what it does not know may be somebody else's. That is for a person to drop.
void name_strangers(const Settings& settings, const Tables& tables, std::stop_token stop) {
  ClickHouseClient clickhouse(settings.clickhouse, std::move(stop));
  const std::string& database = settings.clickhouse.database;
  for (const std::string& name : find_strangers(clickhouse, clickhouse.server_version(), database, tables)) {
    log::warn("ClickHouse has a table {} that the source does not have; if it came from there, drop it: DROP TABLE {}",
              name, qualified({database, name}));
  }
}

std::string create_slot_command(const std::string& slot, int server_version) {
  return fmt::format("CREATE_REPLICATION_SLOT {} LOGICAL pgoutput {}", quote_sql_identifier(slot),
                     has_failover_slots(server_version) ? "(SNAPSHOT 'use', FAILOVER true)" : "USE_SNAPSHOT");
}

class StreamMaker {
 public:
  StreamMaker(const Settings& settings, const StreamStart& start, CatalogStore& catalog, std::stop_token stop)
      : settings_(settings), start_(start), catalog_(catalog), stop_(std::move(stop)) {}

  StreamRecord make() {
    SourceIdentity source = identify_source(settings_.postgres, stop_);
    PostgresConnection replication(settings_.postgres, ConnectionKind::Replication, stop_);
    replication.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    QueryResult slot = create_slot(replication);
    Lsn consistent = parse_lsn(slot.text(0, 1));
    failpoint("setup.slot_created");
    StreamRecord stream{.name = start_.names.stream,
                        .slot = start_.names.slot,
                        .publication = start_.names.publication,
                        .system_identifier = source.system_identifier,
                        .consistent = consistent,
                        .applied = consistent,
                        .remade = start_.reason};
    try {
      record(stream, source, read_tables(replication, consistent, settings_));
    } catch (const Error& error) {
      // By now the slot of this name may be that of another leader.
      if (error.code() != ErrorCode::LeadershipLost) drop_slot(replication);
      throw;
    } catch (...) {
      drop_slot(replication);
      throw;
    }
    failpoint("setup.recorded");
    replication.execute("COMMIT");
    return stream;
  }

 private:
  QueryResult create_slot(PostgresConnection& replication) {
    const std::string& name = start_.names.slot;
    SlotWait wait(settings_.postgres, name, [](const std::string& sentence) { log::warn("{}", sentence); });
    return replication.execute(create_slot_command(name, replication.server_version()));
  }

  /// A slot that nobody reads would retain the source's log for ever.
  void drop_slot(PostgresConnection& replication) {
    replication.execute("ROLLBACK");
    replication.execute(fmt::format("DROP_REPLICATION_SLOT {}", quote_sql_identifier(start_.names.slot)));
  }

  /// The catalog comes last: only then is what ClickHouse has been told true.
  void record(StreamRecord& stream, const SourceIdentity& source, Tables tables) {
    Tables before = start_.previous ? catalog_.load_tables(stream.name) : Tables();
    name_targets(tables, before, {.target_unknown = start_.target_unknown, .on_drop = settings_.on_drop});
    if (!before.empty()) {
      ClickHouseClient clickhouse(settings_.clickhouse, stop_);
      drop_leftovers(clickhouse, clickhouse.server_version(), settings_, tables, before);
      failpoint("setup.leftovers_dropped");
    }
    if (start_.target_unknown) name_strangers(settings_, tables, stop_);
    const Bookmark claimed = claim_target(settings_.clickhouse,
                                          {.stream = stream.name,
                                           .database = settings_.postgres.database,
                                           .system_identifier = stream.system_identifier,
                                           .timeline = source.timeline,
                                           .applied = stream.consistent,
                                           .number = start_.previous ? start_.previous->target_number : 0,
                                           .database_oid = source.database},
                                          stop_);
    stream.target_id = claimed.target_id;
    stream.target_number = claimed.number;
    failpoint("setup.bookmark_written");
    catalog_.create_stream(stream, tables);
  }

  const Settings& settings_;
  const StreamStart& start_;
  CatalogStore& catalog_;
  std::stop_token stop_;
};

/// Changes with every schema change that is committed.
std::string schema_fingerprint(PostgresConnection& source) {
  QueryResult sums = source.query(
      "SELECT format('%s %s', "
      "(SELECT sum(hashtext(format('%s %s', c.oid, c.xmin))) FROM pg_class c WHERE c.relpersistence <> 't'), "
      "(SELECT sum(hashtext(format('%s %s %s', a.attrelid, a.attnum, a.xmin))) FROM pg_attribute a JOIN pg_class c "
      "ON c.oid = a.attrelid WHERE c.relpersistence <> 't'))");
  return std::string(sums.text(0, 0));
}

/// A slot made beside an open transaction waits for it. PostgreSQL then forgets what was committed to its catalog
/// meanwhile, and the slot can never decode the tables it concerns ("could not map filenode"): it is made anew.
StreamRecord make_sound(PostgresConnection& source, CatalogStore& catalog, const std::function<StreamRecord()>& make) {
  for (int attempt = 1;; ++attempt) {
    std::string before = schema_fingerprint(source);
    StreamRecord stream = make();
    if (schema_fingerprint(source) == before) return stream;
    if (attempt == kSlotTries) {
      log::warn(
          "the schema kept changing while the slot {} was made: if the worker reports that it could not map a "
          "filenode, drop the slot at a quieter time: it is made again by itself",
          stream.slot);
      return stream;
    }
    constexpr const char* kReason = "the schema changed while the slot was made";
    log::info("{}: making it again", kReason);
    catalog.request_remake(stream.name, kReason);
    source.query("SELECT pg_drop_replication_slot($1)", {stream.slot});
  }
}

}  // namespace

StreamRecord begin_stream(PostgresConnection& source, const Settings& settings, const StreamStart& start,
                          CatalogStore& catalog, std::stop_token stop) {
  StreamMaker maker(settings, start, catalog, std::move(stop));
  return make_sound(source, catalog, [&] { return maker.make(); });
}

}  // namespace echodb
