#include "control/setup.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <functional>
#include <set>
#include <thread>

#include "base/failpoint.h"
#include "base/log.h"
#include "clickhouse/client.h"
#include "clickhouse/readers.h"
#include "control/column_types.h"
#include "control/doctor.h"
#include "control/ends.h"
#include "control/installation.h"
#include "control/installed_version.h"
#include "control/lock_views.h"
#include "control/new_stream.h"
#include "control/publications.h"
#include "control/renamed_database.h"
#include "control/slot_reader.h"
#include "control/slot_state.h"
#include "control/source_identity.h"
#include "control/watch_list.h"
#include "postgres/ddl_event_triggers.sql.h"
#include "postgres/ddl_rights.sql.h"
#include "postgres/ddl_schema.sql.h"
#include "postgres/own_schema.h"
#include "postgres/server_version.h"
#include "replication/ddl_message.h"

namespace echodb {
namespace {

constexpr std::size_t kSlotNameMax = 63;
/// How often a busy table is asked for its lock before setup gives up, each time for a tenth of a second.
constexpr int kLockTries = 150;
constexpr std::chrono::milliseconds kLockPause{100};

/// Only trying tells whether the role may: managed services grant it in ways of their own.
void create_event_triggers(PostgresConnection& source) {
  source.execute("SAVEPOINT event_triggers");
  try {
    source.execute(std::string(sql::ddl_event_triggers));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::SourcePrivilege) throw;
    source.execute("ROLLBACK TO SAVEPOINT event_triggers");
    log::warn("event triggers cannot be created ({}): schema changes are found by looking every so often",
              error.message());
  }
}

bool has_message_key(PostgresConnection& source) {
  return source.query("SELECT to_regclass('_echodb.message_key') IS NOT NULL").boolean(0, 0);
}

/// Part of setup's transaction, which comes after no other one's: what is not as the last one left it. What has to
/// be copied is on record before anything is put back.
InstallationFaults look_for_faults(PostgresConnection& source, const StreamRecord& stream, CatalogStore& catalog) {
  InstallationFaults faults = find_installation_faults(source, stream.publication);
  // The catalog has been brought up to date already.
  if (!is_of_this_version(source)) std::erase_if(faults, [](const auto& fault) { return fault.columns_only; });
  for (const InstallationFault& fault : faults) log::error("{}: it is put back", fault.what);
  const std::string lost = list_faults(faults, InstallationFault::Hole::Rows);
  if (!lost.empty() && stream.remake.empty()) catalog.request_remake(stream.name, lost);
  failpoint("setup.faults_recorded");
  return faults;
}

/// Everything in the source but the slot, in one transaction. Returns what was not as the last setup had left it.
InstallationFaults install_in_source(PostgresConnection& source, const Settings& settings, const StreamNames& names,
                                     const std::optional<StreamRecord>& stream, CatalogStore& catalog) {
  const bool sealed = has_message_key(source);
  source.execute("BEGIN");
  // One setup at a time.
  source.execute("LOCK TABLE _echodb.setup_turn IN EXCLUSIVE MODE");
  InstallationFaults faults = stream ? look_for_faults(source, *stream, catalog) : InstallationFaults();
  // The triggers of an earlier version must not answer the statements that replace them.
  source.execute("SET LOCAL _echodb.own_ddl = 'on'");
  source.execute(std::string(sql::ddl_schema));
  require_own_schema(source);
  for (std::string_view file : installed_functions()) source.execute(std::string(file));
  source.execute("SELECT set_config('_echodb.own_ddl', _echodb.seal('own'), true)");
  create_event_triggers(source);
  note_installed(source);
  write_watch_list(source, settings, names.publication);
  const bool published_anew = put_publications_right(source, names.publication);
  source.execute(std::string(sql::ddl_rights));
  // What the triggers of an earlier version have written counts as it is.
  if (!sealed) source.execute("UPDATE _echodb.message_key SET unsealed_until = pg_current_wal_insert_lsn()");
  note_installation(source,
                    {.publication = names.publication,
                     .publications_too = published_anew || !list_faults(faults, InstallationFault::Hole::Rows).empty(),
                     .must_describe_all = !list_faults(faults, InstallationFault::Hole::SchemaChanges).empty()});
  failpoint("setup.triggers_installed");
  source.execute("COMMIT");
  return faults;
}

/// A transaction of the application that has just created a table holds the publication, too, until it ends.
void repeat_while_locked(const std::function<void()>& step) {
  for (int attempt = 1;; ++attempt) {
    try {
      return step();
    } catch (const Error& error) {
      if (error.code() != ErrorCode::SourceBusy || attempt == kLockTries) throw;
      if (attempt == 1) log::warn("a table, or the publication, is locked by the application, trying again");
      std::this_thread::sleep_for(kLockPause);
    }
  }
}

/// Each table in a transaction of its own, so that no more than one lock is held at a time. A table that was not
/// published before is announced in the stream, as if it had been created now.
void publish_tables(PostgresConnection& source, std::string_view tag = kSetupTag) {
  QueryResult watched = source.query("SELECT t FROM _echodb.watched_tables() t");
  for (std::size_t row = 0; row < watched.rows(); ++row) {
    repeat_while_locked([&] { ask_for_description(source, static_cast<Oid>(watched.number(row, 0)), tag); });
  }
  QueryResult unwatched = source.query(
      "SELECT r.prrelid FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid, _echodb.watch w "
      "WHERE p.pubname IN (w.publication, w.publication || '_insert_only') "
      "AND r.prrelid NOT IN (SELECT t FROM _echodb.watched_tables() t)");
  for (std::size_t row = 0; row < unwatched.rows(); ++row) {
    repeat_while_locked([&] { source.query("SELECT _echodb.unfollow($1::oid)", {unwatched.text(row, 0)}); });
  }
}

/// What the triggers did not say, because they were not as setup had left them.
void describe_unheard(PostgresConnection& source, const std::string& stream) {
  publish_tables(source, kDescribeTag);
  source.query("SELECT _echodb.recopy_unheard($1)", {stream});
  failpoint("setup.unheard_described");
  note_described(source);
}

void prepare_clickhouse(const Settings& settings, std::stop_token stop) {
  ClickHouseClient clickhouse(settings.clickhouse.without_database(), std::move(stop));
  clickhouse.query("CREATE DATABASE IF NOT EXISTS " + quote_identifier(settings.clickhouse.database));
}

/// Replication goes on without it.
void serve_readers(const Settings& settings, std::stop_token stop) {
  if (settings.clickhouse.readers.empty()) return;
  ClickHouseClient clickhouse(settings.clickhouse.without_database(), std::move(stop));
  try {
    make_readers_profile(clickhouse, clickhouse.server_version(), settings.clickhouse);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::TargetRejected) throw;
    log::warn("{} ({})", error.message(), error.remedy());
  }
}

/// Why the stream cannot go on from this slot; empty when it can.
std::string slot_loss(const std::optional<SlotState>& slot, const SourceComparison& source) {
  if (!slot) return "the replication slot is gone";
  if (!source.restored.empty()) return source.restored + ": a dump of the database was restored over it";
  // We have confirmed nothing on this timeline yet.
  if (source.switched_at && slot->confirmed > *source.switched_at) {
    return fmt::format("the replication slot begins at {}, after the failover at {}", to_string(slot->confirmed),
                       to_string(*source.switched_at));
  }
  return slot->loss();
}

void require_own(const Settings& settings, const EndsComparison& ends) {
  if (!ends.owner.empty()) throw target_taken(settings, ends.owner);
  if (!ends.source.fault.empty()) throw source_replaced(ends.source.fault);
}

/// Why the two ends do not go together; empty when they do.
std::string strangeness(const EndsComparison& ends) {
  if (!ends.owner.empty()) return "the target belonged to " + ends.owner;
  return ends.source.fault.empty() ? ends.target_loss : ends.source.fault;
}

void warn_of(const std::vector<Finding>& findings) {
  for (const Finding& finding : findings) {
    if (finding.severity == Finding::Severity::Warning) log::warn("{} ({})", finding.what, finding.remedy);
  }
}

void require_ready(const Settings& settings, const SetupOptions& options, std::stop_token stop) {
  std::vector<Finding> findings = examine(settings, std::move(stop));
  if (options.accept_new_source) {
    std::erase_if(findings, [](const Finding& finding) {
      return finding.code == ErrorCode::SourceReplaced || finding.code == ErrorCode::TargetTaken;
    });
  }
  require_no_fatal(findings);
  warn_of(findings);
}

void note_remake(CatalogStore& catalog, const StreamRecord& stream, const std::string& reason) {
  const std::string& why = stream.remake.empty() ? reason : stream.remake;
  log::error("{}: the slot {} is made again and every table is copied again; readers keep what they have meanwhile",
             why, stream.slot);
  if (stream.remake.empty()) catalog.request_remake(stream.name, why);
  failpoint("setup.remake_recorded");
}

/// The one that the stream has read, and one that an attempt which was cut short has made.
void drop_slots(PostgresConnection& source, const std::set<std::string>& names) {
  for (const std::string& name : names) {
    if (look_at_slot(source, name)) source.query("SELECT pg_drop_replication_slot($1)", {name});
  }
}

}  // namespace

std::string slot_name(const std::string& database) {
  std::string slot = "echodb_";
  for (char c : database) {
    bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 && static_cast<unsigned char>(c) < 0x80;
    slot += plain ? static_cast<char>(std::tolower(static_cast<unsigned char>(c))) : '_';
  }
  return slot.substr(0, kSlotNameMax);
}

StreamNames stream_names(const Settings& settings) {
  return {.stream = settings.postgres.database, .publication = "echodb", .slot = slot_name(settings.postgres.database)};
}

std::optional<StreamRecord> find_setup(const Settings& settings, CatalogStore& catalog, std::stop_token stop) {
  follow_database_name(settings, catalog, stop);
  EndsComparison ends = compare_ends(settings, catalog, stop);
  require_own(settings, ends);
  std::optional<StreamRecord> stream = std::move(ends.stream);
  if (!stream || !stream->remake.empty() || !ends.target_loss.empty()) return std::nullopt;
  PostgresConnection connection(settings.postgres, ConnectionKind::Ordinary, stop);
  std::string loss = slot_loss(look_at_slot(connection, stream->slot), ends.source);
  // An earlier version's triggers and tables are brought up to date.
  if (!loss.empty() || !is_of_this_version(connection)) return std::nullopt;
  if (!find_installation_faults(connection, stream->publication).empty()) return std::nullopt;
  if (!ends.bookmark) prepare_clickhouse(settings, stop);
  // From here on the target follows this timeline.
  const Bookmark claimed = claim_target(settings.clickhouse,
                                        {.stream = stream->name,
                                         .database = settings.postgres.database,
                                         .system_identifier = ends.source.identity.system_identifier,
                                         .timeline = ends.source.identity.timeline,
                                         .applied = stream->applied,
                                         .number = stream->target_number,
                                         .target_id = stream->target_id,
                                         .database_oid = ends.source.identity.database},
                                        std::move(stop));
  failpoint("bookmark.claimed");
  catalog.save_target(stream->name, claimed.target_id, claimed.number);
  stream->target_id = claimed.target_id;
  stream->target_number = claimed.number;
  stream->timeline = ends.source.identity.timeline;
  stream->failed_over = ends.source.switched_at.has_value();
  return stream;
}

StreamRecord setup(const Settings& settings, const SetupOptions& options, CatalogStore& catalog, std::stop_token stop) {
  StreamNames names = stream_names(settings);
  require_ready(settings, options, stop);
  follow_database_name(settings, catalog, stop);
  const EndsComparison ends = compare_ends(settings, catalog, stop);
  if (!options.accept_new_source) require_own(settings, ends);
  std::optional<StreamRecord> stream = ends.stream;
  PostgresConnection source(settings.postgres, ConnectionKind::Ordinary, stop);
  prepare_clickhouse(settings, stop);
  serve_readers(settings, stop);
  install_lock_views(source);
  catalog.install();
  const InstallationFaults faults = install_in_source(source, settings, names, stream, catalog);
  if (stream && stream->remake.empty()) stream->remake = list_faults(faults, InstallationFault::Hole::Rows);
  failpoint("setup.source_installed");
  if (stream && !list_faults(faults, InstallationFault::Hole::SchemaChanges).empty()) {
    describe_unheard(source, stream->name);
  } else {
    publish_tables(source);
  }
  failpoint("setup.tables_published");
  const std::string& slot_now = stream ? stream->slot : names.slot;
  std::optional<SlotState> slot = look_at_slot(source, slot_now);
  const std::string strange = strangeness(ends);
  const std::string reason = strange.empty() ? slot_loss(slot, ends.source) : strange;
  const std::string earlier_name = ends.bookmark ? ends.bookmark->database : std::string();
  if (stream && reason.empty() && stream->remake.empty()) {
    drop_orphans(source, catalog, *stream, earlier_name);
    return *stream;
  }
  if (stream) note_remake(catalog, *stream, reason);
  if (stream && !options.leads) {
    const bool worker_can = ends.owner.empty() && ends.source.fault.empty();
    if (auto made = await_slot_reader(source, *stream, {.worker_can = worker_can}, catalog, stop)) return *made;
  }
  drop_slots(source, {slot_now, names.slot});
  failpoint("setup.slot_dropped");
  StreamStart start{.names = names, .previous = stream};
  if (stream) start.reason = stream->remake.empty() ? reason : stream->remake;
  // An attempt that was cut short has made the target this stream's, and no longer finds it strange.
  const bool begun_before = ends.bookmark && (!stream || !stream->remake.empty());
  start.target_unknown = !strange.empty() || begun_before;
  StreamRecord created = begin_stream(source, settings, start, catalog, stop);
  drop_orphans(source, catalog, created, earlier_name);
  // A table that was created by a transaction older than the triggers: the slot has waited for it.
  publish_tables(source);
  Findings column_types;
  examine_column_types(settings, catalog.load_tables(created.name), column_types, stop);
  warn_of(std::move(column_types).worst_first());
  return created;
}

}  // namespace echodb
