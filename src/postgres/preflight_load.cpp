// The part of the preflight for what changes from hour to hour.

#include <fmt/format.h>

#include <chrono>
#include <cmath>

#include "config/limits.h"
#include "postgres/preflight.h"
#include "postgres/preflight_load.sql.h"
#include "postgres/server_version.h"

namespace echodb {
namespace {

constexpr std::uint64_t kOldTransactionSeconds = 600;
constexpr std::uint64_t kXidsWorth = 1'500'000'000;
constexpr double kClockSkewSeconds = 2;
constexpr std::int64_t kSlotKeepMin = 1LL << 30;
constexpr std::uint64_t kSenderTimeoutMinMs = 2'000;

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

void check_transactions(const QueryResult& load, Findings& findings) {
  if (load.number(0, 0) > kOldTransactionSeconds) {
    findings.warning(fmt::format("a transaction of the source has been open for {} minutes: a new slot waits for it, "
                                 "and the log it needs is retained",
                                 load.number(0, 0) / 60),
                     "SELECT pid, xact_start, query FROM pg_stat_activity ORDER BY xact_start; end it with "
                     "SELECT pg_terminate_backend(pid);");
  } else {
    findings.ok("no transaction of the source is old");
  }
  if (load.number(0, 1) > 0) {
    findings.warning(
        fmt::format("{} prepared transactions of the source are older than five minutes", load.number(0, 1)),
        fmt::format("COMMIT PREPARED {0}; or ROLLBACK PREPARED {0};", quote_sql_literal(load.text(0, 2))));
  }
  if (load.number(0, 3) > kXidsWorth) {
    findings.warning(fmt::format("the source's oldest transaction id is {} old: wraparound is near", load.number(0, 3)),
                     "VACUUM FREEZE the databases that SELECT datname, age(datfrozenxid) FROM pg_database shows");
  }
}

void check_limits(const QueryResult& load, const Settings& settings, Findings& findings) {
  auto keep = static_cast<std::int64_t>(std::stoll(std::string(load.text(0, 5))));
  if (keep < 0) {
    findings.ok(settings.max_retained_wal == 0
                    ? "nothing bounds the log that a slot retains (max_slot_wal_keep_size, ECHODB_MAX_RETAINED_WAL)"
                    : fmt::format("ECHODB_MAX_RETAINED_WAL bounds the log that the slot retains: {} MB",
                                  settings.max_retained_wal >> 20));
  } else if (keep < kSlotKeepMin) {
    findings.warning(
        fmt::format("max_slot_wal_keep_size is {} MB: after that much log without EchoDB the slot is lost, "
                    "and every table is copied again",
                    keep >> 20),
        "ALTER SYSTEM SET max_slot_wal_keep_size = '50GB'; SELECT pg_reload_conf();");
  } else {
    findings.ok(fmt::format("max_slot_wal_keep_size keeps {} MB for a slot", keep >> 20));
  }
  std::uint64_t timeout = load.number(0, 6);
  if (timeout > 0 && timeout < kSenderTimeoutMinMs) {
    findings.warning(fmt::format("wal_sender_timeout is {} ms: a short stall of the network ends the stream", timeout),
                     "ALTER SYSTEM SET wal_sender_timeout = '60s'; SELECT pg_reload_conf();");
  } else {
    findings.ok(fmt::format("wal_sender_timeout is {} ms", timeout));
  }
}

/// Our sessions set the timeouts they know; these two they cannot, because not every version has them.
void check_timeouts(const QueryResult& load, Findings& findings) {
  std::string role = quote_sql_identifier(load.text(0, 10));
  if (load.number(0, 7) > 0) {
    findings.warning(
        fmt::format("transaction_timeout is {} ms: it cuts copies of large tables short", load.number(0, 7)),
        fmt::format("ALTER ROLE {} SET transaction_timeout = 0;", role));
  }
  if (load.number(0, 8) > 0) {
    findings.warning(fmt::format("idle_session_timeout is {} ms: it ends connections of EchoDB", load.number(0, 8)),
                     fmt::format("ALTER ROLE {} SET idle_session_timeout = 0;", role));
  }
  if (load.text(0, 9) == "SQL_ASCII") {
    findings.warning("the database's encoding is SQL_ASCII: texts may hold bytes that nobody can name",
                     "see that all texts are UTF-8, or dump and restore into a database of ENCODING 'UTF8'");
  }
}

/// Slots that nobody reads keep log for ever. One of ours in this very database may be from before
/// ALTER DATABASE … RENAME, or of another POSTGRES_DB in other letters.
void check_slots(PostgresConnection& source, const std::string& own_slot, Findings& findings) {
  QueryResult idle = source.query(
      "SELECT slot_name, coalesce(database, ''), (coalesce(pg_current_wal_lsn() - restart_lsn, 0) / 1048576)::bigint, "
      "coalesce(database = current_database(), false) "
      "FROM pg_replication_slots WHERE NOT active AND slot_name <> $1 AND (slot_name LIKE 'echodb\\_%' OR "
      "pg_current_wal_lsn() - restart_lsn > 1073741824)",
      {own_slot});
  for (std::size_t row = 0; row < idle.rows(); ++row) {
    std::string_view slot = idle.text(row, 0);
    const bool of_earlier_name = idle.boolean(row, 3) && slot.starts_with("echodb_");
    findings.warning(
        fmt::format("nobody reads the slot {} (database {}), which retains {} MB of log{}", slot, idle.text(row, 1),
                    idle.text(row, 2),
                    of_earlier_name
                        ? fmt::format("; EchoDB reads {} here, so it is from before the database was renamed", own_slot)
                        : ""),
        fmt::format("{}SELECT pg_drop_replication_slot({});", of_earlier_name ? "" : "start its reader, or ",
                    quote_sql_literal(slot)));
  }
}

/// What reaches ClickHouse before a standby has it is too much when that standby is promoted.
void check_standbys(PostgresConnection& source, Findings& findings) {
  if (!has_failover_slots(source.server_version())) return;
  QueryResult standbys = source.query(
      "SELECT count(*), coalesce(string_agg(s.slot_name, ','), ''), current_setting('synchronized_standby_slots') "
      "FROM pg_stat_replication r LEFT JOIN pg_replication_slots s ON s.active_pid = r.pid "
      "WHERE coalesce(s.slot_type, 'physical') = 'physical' AND r.application_name <> 'echodb'");
  if (standbys.number(0, 0) == 0) return;
  if (!standbys.text(0, 2).empty()) {
    findings.ok(fmt::format("synchronized_standby_slots waits for {}", standbys.text(0, 2)));
    return;
  }
  std::string_view slots = standbys.text(0, 1);
  findings.warning(
      fmt::format(
          "{} standbys receive the source's log, and synchronized_standby_slots is not set: ClickHouse may have "
          "changes that a promoted standby does not",
          standbys.number(0, 0)),
      slots.empty() ? "give each standby a physical slot (primary_slot_name), and name those in "
                      "synchronized_standby_slots"
                    : fmt::format("ALTER SYSTEM SET synchronized_standby_slots = {}; SELECT pg_reload_conf();",
                                  quote_sql_literal(slots)));
}

}  // namespace

void examine_source_load(PostgresConnection& source, const Settings& settings, const std::string& own_slot,
                         Findings& findings) {
  double before = seconds_now();
  QueryResult load = source.query(std::string(sql::preflight_load));
  double skew = std::stod(std::string(load.text(0, 4))) - (before + seconds_now()) / 2;
  if (std::abs(skew) > kClockSkewSeconds) {
    findings.warning(
        fmt::format("the source's clock differs from this machine's by {:.1f} s: lag in seconds is wrong by "
                    "as much",
                    skew),
        "let both machines follow NTP");
  } else {
    findings.ok("the source's clock agrees with this machine's");
  }
  check_transactions(load, findings);
  check_limits(load, settings, findings);
  check_timeouts(load, findings);
  check_slots(source, own_slot, findings);
  check_standbys(source, findings);
}

}  // namespace echodb
