#include "control/doctor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "catalog/inventory.h"
#include "catalog/store.h"
#include "clickhouse/client.h"
#include "clickhouse/preflight.h"
#include "clickhouse/readers.h"
#include "control/column_types.h"
#include "control/ends.h"
#include "control/inheritance.h"
#include "control/installation.h"
#include "control/installed_version.h"
#include "control/publications.h"
#include "control/redis_lease.h"
#include "control/setup.h"
#include "control/slot_state.h"
#include "control/source_identity.h"
#include "control/unwritten_targets.h"
#include "control/watch_list.h"
#include "postgres/preflight.h"
#include "postgres/server_version.h"

namespace echodb {
namespace {

constexpr double kDiskLeftMin = 0.1;
constexpr std::chrono::seconds kInventoryPatience{3};
constexpr std::size_t kStoppedNamedMax = 20;

/// The watched tables that have no mirror, and the reverse. Those that are left out on purpose are examine_source()'s.
void examine_inventory(PostgresConnection& source, const Settings& settings, const StreamRecord& stream,
                       Findings& findings, const std::stop_token& stop) {
  std::size_t errors = 0;
  for (const JudgedTable& table : judge_inventory(source, {.stream = stream.name, .slot = stream.slot},
                                                  settings.catalog_poll, kInventoryPatience, stop)) {
    if (table.state != JudgedTable::State::Error) continue;
    ++errors;
    findings.warning(
        fmt::format("{}: {}", table.entry.table, table.entry.reason),
        "nothing to do while `echodb worker` runs: the source describes the table again, and it is copied");
  }
  if (errors == 0) findings.ok("every watched table is mirrored, or left out on purpose");
}

/// Whether the target is this stream's, and each end what the other one remembers.
void note_ends(const Settings& settings, const EndsComparison& ends, Findings& findings) {
  if (!ends.owner.empty()) {
    findings.fatal(target_taken(settings, ends.owner));
  } else if (!ends.source.fault.empty()) {
    findings.fatal(source_replaced(ends.source.fault));
  } else if (!ends.target_loss.empty()) {
    findings.warning(ends.target_loss,
                     "nothing to do while `echodb worker` runs: it copies every table again behind its readers' backs; "
                     "`echodb setup` does so now");
  } else if (ends.bookmark) {
    findings.ok("ClickHouse holds this source");
  }
}

/// What somebody dropped or altered. Where functions of ours are missing nothing else can be asked.
bool examine_installation(PostgresConnection& source, const StreamRecord& stream, Findings& findings) {
  const InstallationFaults faults = find_installation_faults(source, stream.publication);
  for (const InstallationFault& fault : faults) {
    const bool rows = fault.hole == InstallationFault::Hole::Rows;
    findings.warning(
        fault.what,
        fmt::format(
            "nothing to do while `echodb worker` runs: it puts that back and {}; `echodb setup` does so now; "
            "after a teardown that was cut short, `echodb teardown` takes the rest out",
            rows ? "copies every table again" : "describes every table again, and copies what may have changed"));
  }
  for (const ForeignPublication& foreign : find_foreign_publications(source, stream.publication)) {
    findings.warning(
        fmt::format("the publication {} belongs to {}: EchoDB's role cannot put it right, and no new table "
                    "can join it",
                    foreign.name, foreign.owner),
        fmt::format("its owner or a superuser runs: {}", foreign.remedy));
  }
  if (faults.empty()) findings.ok("publications, triggers and functions are as setup left them");
  return faults.empty();
}

/// What the leader's key in Redis is named for; nullopt when the source does not say.
std::optional<std::string> find_key_scope(const Settings& settings, std::stop_token stop) {
  try {
    PostgresConnection source(settings.postgres, ConnectionKind::Ordinary, stop);
    return leader_key_scope(describe_database(source, settings.postgres, stop), stream_names(settings).stream);
  } catch (const Error& error) {
    // What is wrong with the source is found by its own checks.
    if (error.code() == ErrorCode::Stopped) throw;
    return std::nullopt;
  }
}

/// The slot that this database's stream reads: of a database that got another name, still the one that it had.
std::string find_own_slot(PostgresConnection& source, const Settings& settings, std::stop_token stop) {
  const StreamNames names = stream_names(settings);
  CatalogStore catalog(settings.postgres, "doctor", std::move(stop));
  if (std::optional<StreamRecord> stream = catalog.find_stream(names.stream)) return stream->slot;
  for (const StreamRecord& other : catalog.streams()) {
    if (is_slot_of_this_database(source, other.slot)) return other.slot;
  }
  return names.slot;
}

/// Tables that stopped, each with its reason.
void examine_stopped(const std::vector<TableRecord>& tables, Findings& findings) {
  std::size_t stopped = 0;
  for (const TableRecord& table : tables) {
    if (table.state != TableState::Error || ++stopped > kStoppedNamedMax) continue;
    findings.warning(fmt::format("{} is stopped: {}", table.versions.back().schema.qualified_name(), table.error),
                     "the worker tries it again by itself, ever more seldom; `echodb resync` does so now");
  }
  if (stopped > kStoppedNamedMax) {
    findings.warning(fmt::format("{} more tables are stopped", stopped - kStoppedNamedMax),
                     "`echodb status` names them");
  }
}

/// The slot and the stream, if there are any yet. Returns its tables, when they can be had.
std::vector<TableRecord> examine_stream(PostgresConnection& source, const Settings& settings, Findings& findings,
                                        std::stop_token stop) {
  CatalogStore catalog(settings.postgres, "doctor", stop);
  const EndsComparison ends = compare_ends(settings, catalog, stop);
  note_ends(settings, ends, findings);
  const std::optional<StreamRecord>& stream = ends.stream;
  if (!stream) {
    if (ends.bookmark) {
      findings.warning("the schema _echodb is gone, or what it knew of this database",
                       "nothing to do: the worker makes it again and copies every table; `echodb setup` does so now");
    } else {
      findings.ok("nothing is set up yet");
    }
    return {};
  }
  if (const std::string name = stream_names(settings).stream; stream->name != name) {
    findings.warning(fmt::format("this database was called {} before: its stream and its slot {} are still named so",
                                 stream->name, stream->slot),
                     "nothing to do: the worker, or `echodb setup` now, goes on with both");
  }
  if (stream->as_text) {
    findings.ok(
        "all values come as text, because a type of some, or a part of it, has no send function: reading takes longer");
  }
  const bool is_whole = examine_installation(source, *stream, findings);
  std::optional<SlotState> slot = look_at_slot(source, stream->slot);
  if (!slot || !slot->loss().empty()) {
    findings.warning(slot ? slot->loss() : fmt::format("the replication slot {} is gone", stream->slot),
                     "nothing to do: the worker makes it again and copies every table; `echodb setup` does so now");
    return {};
  }
  std::string words = fmt::format("the slot {} is {}, {}, and retains {} MB of log", stream->slot, slot->wal_status,
                                  slot->active ? "active" : "read by nobody", slot->retained_bytes >> 20);
  if (settings.max_retained_wal > 0 && slot->retained_bytes > settings.max_retained_wal) {
    findings.warning(words + ", more than ECHODB_MAX_RETAINED_WAL",
                     "start `echodb worker`, and see that ClickHouse "
                     "keeps up (`echodb status`)");
  } else {
    findings.ok(words);
  }
  if (has_failover_slots(source.server_version()) && !slot->failover) {
    findings.warning(fmt::format("the slot {} is not kept on standbys (failover = false)", stream->slot),
                     fmt::format("with the worker stopped, over a replication connection: ALTER_REPLICATION_SLOT {} "
                                 "(FAILOVER true)",
                                 stream->slot));
  }
  // What another version has there cannot be asked for what this one wants to know.
  if (!is_of_this_version(source)) {
    findings.warning("EchoDB's triggers, functions and tables in the source are another version's",
                     "nothing to do: the worker brings them up to date; `echodb setup` does so now");
    return {};
  }
  if (is_whole) examine_inventory(source, settings, *stream, findings, stop);
  std::vector<TableRecord> tables = catalog.load_tables(stream->name);
  examine_stopped(tables, findings);
  examine_column_types(settings, tables, findings, stop);
  return tables;
}

void note_disk(const std::string& whose, const std::filesystem::space_info& space, const std::string& remedy,
               Findings& findings) {
  double left = static_cast<double>(space.available) / static_cast<double>(space.capacity);
  std::string words = fmt::format("{} has {:.0f} % left ({} GB)", whose, left * 100, space.available >> 30);
  if (left < kDiskLeftMin) {
    findings.warning(words, remedy);
  } else {
    findings.ok(words);
  }
}

/// Only the machine it runs on can tell; this may be that machine. Its pid file has the server's start in its third
/// line.
void examine_source_disk(PostgresConnection& source, Findings& findings) {
  namespace fs = std::filesystem;
  QueryResult server = source.query(
      "SELECT (SELECT setting FROM pg_settings WHERE name = 'data_directory'), "
      "extract(epoch FROM pg_postmaster_start_time())::bigint");
  const fs::path directory{std::string(server.text(0, 0))};
  std::ifstream pid_file(directory / "postmaster.pid");
  std::string line;
  for (int number = 0; number < 3; ++number) std::getline(pid_file, line);
  // It is written a moment before.
  std::int64_t began = 0;
  std::from_chars(line.data(), line.data() + line.size(), began);
  std::error_code fault;
  fs::space_info space = fs::space(directory, fault);
  bool here = !server.is_null(0, 0) && std::abs(began - static_cast<std::int64_t>(server.number(0, 1))) <= 5;
  if (!here || fault || space.capacity == 0) {
    findings.ok("how full the source's disk is cannot be known from here: watch it where PostgreSQL runs");
    return;
  }
  note_disk(fmt::format("the source's disk ({})", directory.string()), space,
            "free space on it; EchoDB makes it keep no more log than ECHODB_MAX_RETAINED_WAL with "
            "ECHODB_ON_MAX_RETAINED_WAL=release",
            findings);
}

void examine_exclusions(PostgresConnection& source, const Settings& settings, Findings& findings) {
  for (const std::string& name : excluded_in_vain(source, settings)) {
    findings.warning(fmt::format("EXCLUDED_TABLES has {}, which no table is called", name),
                     "write the name as PostgreSQL has it, without quotes; if the table is still to be made, nothing");
  }
}

void examine_source_side(const Settings& settings, Findings& findings, std::stop_token stop) {
  try {
    PostgresConnection source(settings.postgres, ConnectionKind::Ordinary, stop);
    examine_source(source, settings, findings);
    if (source.server_version() < kServerVersionMin) return;
    examine_source_load(source, settings, find_own_slot(source, settings, stop), findings);
    examine_source_disk(source, findings);
    examine_exclusions(source, settings, findings);
    examine_inheritance(source, settings, examine_stream(source, settings, findings, stop), findings);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::Stopped) throw;
    // ClickHouse's own faults are found by its own checks.
    if (!to_string(error.code()).starts_with("target_")) findings.fatal(error);
  }
}

void examine_this_machine(const Settings& settings, Findings& findings) {
  namespace fs = std::filesystem;
  std::error_code fault;
  fs::path directory = fs::absolute(settings.data_dir, fault);
  while (!fault && !fs::exists(directory) && directory.has_parent_path()) directory = directory.parent_path();
  fs::space_info space = fs::space(directory, fault);
  if (fault || space.capacity == 0) {
    findings.warning(
        fmt::format("the disk of {} (ECHODB_DATA_DIR) cannot be looked at: {}", settings.data_dir, fault.message()),
        "see that the directory exists and can be read");
    return;
  }
  note_disk(fmt::format("the disk of {} (ECHODB_DATA_DIR)", settings.data_dir), space,
            "free space, or set ECHODB_DATA_DIR to a directory on another disk", findings);
}

}  // namespace

std::vector<Finding> examine(const Settings& settings, std::stop_token stop) {
  Findings findings;
  examine_source_side(settings, findings, stop);
  // What is tried there is tried in the database itself.
  if (!findings.has(ErrorCode::TargetTaken)) {
    examine_target(settings.clickhouse, findings, stop);
    examine_unwritten_targets(settings, findings, stop);
  }
  if (!settings.redis.host.empty()) examine_redis(settings.redis, find_key_scope(settings, stop), findings);
  examine_this_machine(settings, findings);
  return std::move(findings).worst_first();
}

std::vector<Finding> examine_what_setup_made(const Settings& settings, std::stop_token stop) {
  Findings findings;
  if (settings.clickhouse.readers.empty()) return {};
  try {
    ClickHouseClient clickhouse(settings.clickhouse.without_database(), std::move(stop));
    examine_readers_profile(clickhouse, clickhouse.server_version(), settings.clickhouse, findings);
  } catch (const Error& error) {
    // What is wrong with the target is found by its own checks.
    if (error.code() == ErrorCode::Stopped) throw;
  }
  return std::move(findings).worst_first();
}

void require_no_fatal(const std::vector<Finding>& findings) {
  std::vector<Finding> fatal;
  std::ranges::copy_if(findings, std::back_inserter(fatal),
                       [](const Finding& finding) { return finding.severity == Finding::Severity::Fatal; });
  if (fatal.empty()) return;
  if (fatal.size() == 1) throw Error(fatal[0].code, fatal[0].what, fatal[0].remedy);
  std::string all = "not ready for replication:";
  for (const Finding& finding : fatal) all += fmt::format("\n  {}\n    what to do: {}", finding.what, finding.remedy);
  throw Error(fatal[0].code, all);
}

}  // namespace echodb
