#include "control/setup.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <functional>
#include <thread>

#include "base/failpoint.h"
#include "base/log.h"
#include "catalog/catalog_schema.sql.h"
#include "clickhouse/client.h"
#include "control/exclusions.h"
#include "postgres/ddl_dependents.sql.h"
#include "postgres/ddl_snapshot.sql.h"
#include "postgres/ddl_trigger.sql.h"
#include "postgres/preflight.h"
#include "postgres/server_version.h"
#include "replication/ddl_message.h"
#include "replication/table_registry.h"

namespace echodb {
namespace {

constexpr std::size_t kSlotNameMax = 63;
/// An arbitrary number of ours: one setup at a time.
constexpr std::int64_t kSetupLock = 0x6563686F6462;
/// How often a busy table is asked for its lock before setup gives up, each time for a tenth of a second.
constexpr int kLockTries = 150;
constexpr std::chrono::milliseconds kLockPause{100};
/// How often a slot is made before a schema that keeps changing is put up with.
constexpr int kSlotTries = 5;

std::string policy_word(NoPrimaryKeyPolicy policy) {
  switch (policy) {
    case NoPrimaryKeyPolicy::Full: return "full";
    case NoPrimaryKeyPolicy::InsertOnly: return "insert_only";
    case NoPrimaryKeyPolicy::Skip: return "skip";
  }
  return "full";
}

bool publication_exists(PostgresConnection& source, const std::string& name) {
  return source.query("SELECT 1 FROM pg_publication WHERE pubname = $1", {name}).rows() > 0;
}

void create_publication(PostgresConnection& source, const std::string& name, const std::string& operations) {
  std::string quoted = quote_sql_identifier(name);
  if (!publication_exists(source, name)) {
    source.execute(fmt::format("CREATE PUBLICATION {} WITH (publish = '{}', publish_via_partition_root = true)", quoted,
                               operations));
  }
  if (publishes_generated_columns(source.server_version())) {
    source.execute(fmt::format("ALTER PUBLICATION {} SET (publish_generated_columns = stored)", quoted));
  }
}

/// Where the stream has no messages, they are rows of a table, which is published like any other.
void publish_messages(PostgresConnection& source, const std::string& publication) {
  std::string name = publication + std::string(kMessagePublicationSuffix);
  if (streams_bytes_and_messages(source.server_version()) || publication_exists(source, name)) return;
  source.execute(fmt::format("CREATE PUBLICATION {} FOR TABLE {}.{} WITH (publish = 'insert')",
                             quote_sql_identifier(name), kMessageSchema, kMessageTable));
}

void write_watch_list(PostgresConnection& source, const Settings& settings, const StreamNames& names) {
  std::vector<std::string> patterns;
  for (const std::string& glob : settings.excluded_tables) patterns.push_back(exclusion_pattern(glob));
  source.query(
      "INSERT INTO _echodb.watch (publication, schemas, excluded, no_pk_policy) VALUES ($1, $2::text[], $3::text[], "
      "$4) "
      "ON CONFLICT (only_row) DO UPDATE SET publication = excluded.publication, schemas = excluded.schemas, "
      "excluded = excluded.excluded, no_pk_policy = excluded.no_pk_policy",
      {names.publication, to_array_text(settings.sync_schemas), to_array_text(patterns),
       policy_word(settings.no_pk_policy)});
}

/// What is installed is told by the schema's comment: a digest of what this program would install.
constexpr std::string_view kInstalledText = "'EchoDB ' || md5($1)";

std::string everything_installed() {
  return std::string(sql::ddl_snapshot) + std::string(sql::ddl_trigger) + std::string(sql::ddl_dependents) +
         std::string(sql::catalog_schema);
}

bool is_installed(PostgresConnection& source) {
  QueryResult same = source.query(
      fmt::format("SELECT coalesce(obj_description(to_regnamespace('_echodb'), 'pg_namespace') = {}, false)",
                  kInstalledText),
      {everything_installed()});
  return same.boolean(0, 0);
}

void note_installed(PostgresConnection& source) {
  QueryResult comment = source.query(
      fmt::format("SELECT format('COMMENT ON SCHEMA _echodb IS %L', {})", kInstalledText), {everything_installed()});
  source.execute(std::string(comment.text(0, 0)));
}

/// Everything in the source but the slot, in one transaction.
void install_in_source(PostgresConnection& source, const Settings& settings, const StreamNames& names) {
  source.execute("BEGIN");
  source.query("SELECT pg_advisory_xact_lock($1)", {std::to_string(kSetupLock)});
  // The triggers of an earlier setup must not answer the statements that replace them.
  source.execute("SET LOCAL _echodb.own_ddl = 'on'");
  source.execute(std::string(sql::ddl_snapshot));
  source.execute(std::string(sql::ddl_trigger));
  source.execute(std::string(sql::ddl_dependents));
  note_installed(source);
  write_watch_list(source, settings, names);
  create_publication(source, names.publication, "insert, update, delete, truncate");
  create_publication(source, names.publication + "_insert_only", "insert, truncate");
  publish_messages(source, names.publication);
  failpoint("setup.triggers_installed");
  source.execute("COMMIT");
}

/// Publishes one table in a transaction of its own, so that no more than one lock is held at a time. A table that was
/// not published before is announced in the stream, as if it had been created now.
void publish_table(PostgresConnection& source, const std::string& oid) {
  for (int attempt = 1;; ++attempt) {
    try {
      source.query("SELECT _echodb.describe($1::oid, 'SETUP')", {oid});
      return;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::SourceBusy || attempt == kLockTries) throw;
      if (attempt == 1) log::warn("a table that is to be published is locked by the application, trying again");
      std::this_thread::sleep_for(kLockPause);
    }
  }
}

void publish_tables(PostgresConnection& source) {
  // The trigger must not answer the statements that publish.
  source.execute("SET _echodb.own_ddl = 'on'");
  QueryResult watched = source.query("SELECT t FROM _echodb.watched_tables() t");
  for (std::size_t row = 0; row < watched.rows(); ++row) publish_table(source, std::string(watched.text(row, 0)));
  QueryResult unwatched = source.query(
      "SELECT r.prrelid FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid, _echodb.watch w "
      "WHERE p.pubname IN (w.publication, w.publication || '_insert_only') "
      "AND r.prrelid NOT IN (SELECT t FROM _echodb.watched_tables() t)");
  for (std::size_t row = 0; row < unwatched.rows(); ++row) {
    source.query("SELECT _echodb.on_unwatched($1::oid)", {unwatched.text(row, 0)});
  }
  source.execute("RESET _echodb.own_ddl");
}

/// The tables as they are at the slot's first position, read in the slot's own snapshot.
std::vector<TableRecord> read_tables(PostgresConnection& replication, Lsn consistent, const Settings& settings) {
  QueryResult found = replication.execute(
      "SELECT r.prrelid, _echodb.table_snapshot(r.prrelid) FROM pg_publication_rel r JOIN pg_publication p "
      "ON p.oid = r.prpubid, _echodb.watch w WHERE p.pubname IN (w.publication, w.publication || '_insert_only')");
  std::vector<TableRecord> tables;
  for (std::size_t row = 0; row < found.rows(); ++row) {
    std::string snapshot(found.text(row, 1));
    TableRecord table{.oid = static_cast<Oid>(found.number(row, 0))};
    table.versions.push_back({consistent, parse_table_schema(snapshot), snapshot});
    tables.push_back(std::move(table));
  }
  // The first schema of SYNC_SCHEMA has the first choice of names.
  auto rank = [&](const TableRecord& table) {
    return std::ranges::find(settings.sync_schemas, table.versions.front().schema.schema) -
           settings.sync_schemas.begin();
  };
  std::ranges::stable_sort(tables, {}, rank);
  std::vector<std::string> taken;
  for (TableRecord& table : tables) {
    const TableSchema& schema = table.versions.front().schema;
    table.target_name = choose_target_name(schema.schema, schema.name, [&](const std::string& candidate) {
      return std::ranges::find(taken, candidate) != taken.end();
    });
    taken.push_back(table.target_name);
  }
  return tables;
}

StreamRecord create_slot(const Settings& settings, const StreamNames& names, CatalogStore& catalog,
                         std::stop_token stop) {
  PostgresConnection replication(settings.postgres, ConnectionKind::Replication, stop);
  std::string system(replication.execute("IDENTIFY_SYSTEM").text(0, 0));
  replication.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  QueryResult slot = replication.execute(
      fmt::format("CREATE_REPLICATION_SLOT {} LOGICAL pgoutput USE_SNAPSHOT", quote_sql_identifier(names.slot)));
  Lsn consistent = parse_lsn(slot.text(0, 1));
  failpoint("setup.slot_created");
  StreamRecord stream{.name = names.stream,
                      .slot = names.slot,
                      .publication = names.publication,
                      .system_identifier = system,
                      .consistent = consistent,
                      .applied = consistent};
  try {
    catalog.create_stream(stream, read_tables(replication, consistent, settings));
  } catch (...) {
    replication.execute("ROLLBACK");
    replication.execute(fmt::format("DROP_REPLICATION_SLOT {}", quote_sql_identifier(names.slot)));
    throw;
  }
  failpoint("setup.recorded");
  replication.execute("COMMIT");
  return stream;
}

/// Changes with every schema change that is committed.
std::string schema_fingerprint(PostgresConnection& source) {
  QueryResult sums = source.query(
      "SELECT (SELECT sum(hashtext(c.oid || ' ' || c.xmin)) FROM pg_class c WHERE c.relpersistence <> 't') || ' ' || "
      "(SELECT sum(hashtext(a.attrelid || ' ' || a.attnum || ' ' || a.xmin)) FROM pg_attribute a JOIN pg_class c "
      "ON c.oid = a.attrelid WHERE c.relpersistence <> 't')");
  return std::string(sums.text(0, 0));
}

/// A slot made beside an open transaction waits for it. PostgreSQL then forgets what was committed to its catalog
/// meanwhile, and the slot can never decode the tables it concerns ("could not map filenode"): it is made anew.
StreamRecord create_sound_slot(PostgresConnection& source, const std::function<StreamRecord()>& create) {
  for (int attempt = 1;; ++attempt) {
    std::string before = schema_fingerprint(source);
    StreamRecord stream = create();
    if (schema_fingerprint(source) == before) return stream;
    if (attempt == kSlotTries) {
      log::warn(
          "the schema kept changing while the slot {} was made: if the worker reports that it could not map a "
          "filenode, drop the slot and run setup again at a quieter time",
          stream.slot);
      return stream;
    }
    log::info("the schema changed while the slot was made: making it again");
    source.query("SELECT pg_drop_replication_slot($1)", {stream.slot});
  }
}

bool slot_exists(PostgresConnection& source, const std::string& slot) {
  return source.query("SELECT 1 FROM pg_replication_slots WHERE slot_name = $1", {slot}).rows() > 0;
}

void prepare_clickhouse(const Settings& settings, std::stop_token stop) {
  ClickHouseSettings anywhere = settings.clickhouse;
  anywhere.database.clear();
  ClickHouseClient clickhouse(anywhere, std::move(stop));
  clickhouse.query("CREATE DATABASE IF NOT EXISTS " + quote_identifier(settings.clickhouse.database));
}

}  // namespace

StreamNames stream_names(const Settings& settings) {
  std::string slot = "echodb_";
  for (char c : settings.postgres.database) {
    bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 && static_cast<unsigned char>(c) < 0x80;
    slot += plain ? static_cast<char>(std::tolower(static_cast<unsigned char>(c))) : '_';
  }
  return {.stream = settings.postgres.database, .publication = "echodb", .slot = slot.substr(0, kSlotNameMax)};
}

std::optional<StreamRecord> find_setup(const Settings& settings, CatalogStore& catalog, std::stop_token stop) {
  std::optional<StreamRecord> stream = catalog.find_stream(stream_names(settings).stream);
  // An earlier version's triggers and tables are brought up to date.
  if (!stream) return std::nullopt;
  PostgresConnection source(settings.postgres, ConnectionKind::Ordinary, std::move(stop));
  return slot_exists(source, stream->slot) && is_installed(source) ? stream : std::nullopt;
}

StreamRecord setup(const Settings& settings, CatalogStore& catalog, std::stop_token stop) {
  StreamNames names = stream_names(settings);
  PostgresConnection source(settings.postgres, ConnectionKind::Ordinary, stop);
  std::vector<Finding> findings = preflight(source, settings);
  require_no_fatal(findings);
  for (const Finding& finding : findings) log::warn("{} ({})", finding.what, finding.remedy);
  prepare_clickhouse(settings, stop);
  catalog.install();
  install_in_source(source, settings, names);
  failpoint("setup.source_installed");
  publish_tables(source);
  failpoint("setup.tables_published");
  std::optional<StreamRecord> stream = catalog.find_stream(names.stream);
  bool has_slot = slot_exists(source, names.slot);
  if (stream && has_slot) return *stream;
  if (has_slot) source.query("SELECT pg_drop_replication_slot($1)", {names.slot});
  if (stream) log::warn("the slot {} is gone: it is made again and every table is copied again", names.slot);
  StreamRecord created = create_sound_slot(source, [&] { return create_slot(settings, names, catalog, stop); });
  // A table that was created by a transaction older than the triggers: the slot has waited for it.
  publish_tables(source);
  return created;
}

}  // namespace echodb
