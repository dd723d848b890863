#include "postgres/preflight.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "config/exclusions.h"
#include "postgres/preflight_kinds.sql.h"
#include "postgres/preflight_server.sql.h"
#include "postgres/preflight_tables.sql.h"
#include "postgres/server_version.h"

namespace echodb {
namespace {

/// The row of preflight_server.sql.
struct ServerFacts {
  std::string wal_level;
  std::string role;
  bool superuser = false;
  bool may_replicate = false;
  bool may_create_event_triggers = false;
  bool may_create_in_database = false;
  std::string database;
  bool in_recovery = false;
  std::uint64_t slots_max = 0;
  std::uint64_t slots_used = 0;
  bool has_own_slot = false;
  std::uint64_t wal_senders_max = 0;
  std::uint64_t wal_senders_used_by_others = 0;
};

ServerFacts read_server_facts(PostgresConnection& source) {
  QueryResult row = source.query(std::string(sql::preflight_server));
  return {
      .wal_level = std::string(row.text(0, 0)),
      .role = std::string(row.text(0, 1)),
      .superuser = row.boolean(0, 2),
      .may_replicate = row.boolean(0, 3),
      .may_create_event_triggers = row.boolean(0, 4),
      .may_create_in_database = row.boolean(0, 5),
      .database = std::string(row.text(0, 6)),
      .in_recovery = row.boolean(0, 7),
      .slots_max = row.number(0, 8),
      .slots_used = row.number(0, 9),
      .has_own_slot = row.boolean(0, 10),
      .wal_senders_max = row.number(0, 11),
      .wal_senders_used_by_others = row.number(0, 12),
  };
}

std::string count_of_tables(std::uint64_t count) {
  return fmt::format("{} {}", count, count == 1 ? "table" : "tables");
}

constexpr int kMajor = 10'000;
constexpr int kServerVersionTested = 180000;

/// Of a server that is too old nothing else is asked: it might not know what the questions mean.
bool check_version(int version, Findings& findings) {
  if (version < kServerVersionMin) {
    findings.fatal(ErrorCode::InvalidConfiguration,
                   fmt::format("the source (POSTGRES_HOST) is PostgreSQL {}, and EchoDB needs {} at the least",
                               version / kMajor, kServerVersionMin / kMajor),
                   "upgrade the server, or let POSTGRES_HOST name a newer one");
    return false;
  }
  if (version / kMajor > kServerVersionTested / kMajor) {
    findings.warning(fmt::format("the source is PostgreSQL {}, newer than any that EchoDB was tested with ({})",
                                 version / kMajor, kServerVersionTested / kMajor),
                     "look for a newer EchoDB");
  } else {
    findings.ok(fmt::format("the source is PostgreSQL {}", version / kMajor));
  }
  return true;
}

void check_server(const ServerFacts& facts, Findings& findings) {
  if (!facts.in_recovery) {
    findings.ok("the source is a primary");
  } else {
    findings.fatal(ErrorCode::SourceRejected, "the source (POSTGRES_HOST) is a standby, which can record no DDL",
                   "let POSTGRES_HOST and POSTGRES_PORT name its primary");
  }
  if (facts.wal_level == "logical") {
    findings.ok("wal_level is logical");
  } else {
    findings.fatal(ErrorCode::SourceNotLogical,
                   fmt::format("wal_level of the source (POSTGRES_HOST) is '{}', not 'logical'", facts.wal_level),
                   "ALTER SYSTEM SET wal_level = logical; then restart PostgreSQL "
                   "(RDS: set rds.logical_replication = 1; Cloud SQL: cloudsql.logical_decoding = on; "
                   "Azure: set wal_level in the server parameters)");
  }
  if (!facts.has_own_slot && facts.slots_used >= facts.slots_max) {
    findings.fatal(
        ErrorCode::SourceRejected,
        fmt::format("all {} replication slots of the source (max_replication_slots) are taken", facts.slots_max),
        fmt::format("SELECT pg_drop_replication_slot('…') for one that nobody uses, or ALTER SYSTEM SET "
                    "max_replication_slots = {}; then restart PostgreSQL",
                    facts.slots_max + 4));
  } else {
    findings.ok(
        fmt::format("{} of {} replication slots (max_replication_slots) are taken", facts.slots_used, facts.slots_max));
  }
  if (facts.wal_senders_used_by_others >= facts.wal_senders_max) {
    findings.fatal(
        ErrorCode::SourceRejected,
        fmt::format("all {} WAL senders of the source (max_wal_senders) are taken", facts.wal_senders_max),
        fmt::format("ALTER SYSTEM SET max_wal_senders = {}; then restart PostgreSQL", facts.wal_senders_max + 4));
  } else {
    findings.ok(fmt::format("{} of {} WAL senders (max_wal_senders) are taken by others",
                            facts.wal_senders_used_by_others, facts.wal_senders_max));
  }
}

void check_role(const ServerFacts& facts, Findings& findings) {
  std::string role = quote_sql_identifier(facts.role);
  if (facts.may_replicate) {
    findings.ok(fmt::format("role {} may replicate", role));
  } else {
    findings.fatal(ErrorCode::SourcePrivilege, fmt::format("role {} (POSTGRES_USER) may not replicate", role),
                   fmt::format("ALTER ROLE {} REPLICATION; (RDS: GRANT rds_replication TO {};)", role, role));
  }
  if (facts.may_create_event_triggers) {
    findings.ok(fmt::format("role {} may create event triggers, or they are there", role));
  } else {
    findings.warning(
        fmt::format("role {} (POSTGRES_USER) may not create event triggers: new tables and schema changes are found by "
                    "looking every ECHODB_CATALOG_POLL_SECONDS, many changes cost a new copy of their table, and some "
                    "are not seen (docs/managed-services.md)",
                    role),
        fmt::format("ALTER ROLE {} SUPERUSER; then `echodb setup` (RDS: GRANT rds_superuser TO {};)", role, role));
  }
  if (facts.may_create_in_database) {
    findings.ok(fmt::format("role {} may create in database {}", role, quote_sql_identifier(facts.database)));
  } else {
    findings.fatal(ErrorCode::SourcePrivilege,
                   fmt::format("role {} (POSTGRES_USER) may create neither schema nor publication in database {} "
                               "(POSTGRES_DB)",
                               role, quote_sql_identifier(facts.database)),
                   fmt::format("GRANT CREATE ON DATABASE {} TO {};", quote_sql_identifier(facts.database), role));
  }
}

/// One that is still to be made is no obstacle beside others; when none is there, a name is misspelt as a rule.
void check_schemas(PostgresConnection& source, const Settings& settings, Findings& findings) {
  QueryResult missing = source.query(
      "SELECT name FROM unnest($1::text[]) AS name WHERE NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = name)",
      {to_array_text(settings.sync_schemas)});
  const bool none_there = missing.rows() == settings.sync_schemas.size();
  for (std::size_t row = 0; row < missing.rows(); ++row) {
    std::string name = quote_sql_identifier(missing.text(row, 0));
    std::string what = fmt::format("SYNC_SCHEMA names schema {}, which database {} (POSTGRES_DB) does not have", name,
                                   quote_sql_identifier(settings.postgres.database));
    std::string remedy = fmt::format("correct SYNC_SCHEMA, or CREATE SCHEMA {};", name);
    if (none_there) {
      remedy += " where the server is `echodb up`'s own, name one that is there beside it, and create it then";
      findings.fatal(ErrorCode::InvalidConfiguration, std::move(what), std::move(remedy));
    } else {
      findings.warning(what + " yet: its tables are mirrored once it is there", std::move(remedy));
    }
  }
}

/// Tables are replicated one by one, so those that cannot be leave the others alone. Each finding names all that its
/// tables lack, so that one round of statements is enough.
void check_tables(PostgresConnection& source, const Settings& settings, const ServerFacts& facts, Findings& findings) {
  QueryResult groups =
      source.query(std::string(sql::preflight_tables),
                   {to_array_text(settings.sync_schemas), to_array_text(exclusion_patterns(settings.excluded_tables))});
  const std::string role = quote_sql_identifier(facts.role);
  for (std::size_t row = 0; row < groups.rows(); ++row) {
    const std::string_view schema = groups.text(row, 0);
    const std::string_view owner = groups.text(row, 1);
    const bool unreadable = groups.boolean(row, 3) || groups.boolean(row, 4);
    const std::string tables =
        fmt::format("{} of schema {}: {}", count_of_tables(groups.number(row, 5)), schema, groups.text(row, 6));
    std::string grants = groups.boolean(row, 3) ? fmt::format("GRANT USAGE ON SCHEMA {} TO {}; ", schema, role) : "";
    if (groups.boolean(row, 2)) {
      findings.warning(
          fmt::format("role {} (POSTGRES_USER) has not the rights of {}, the owner, so it cannot publish{} {}", role,
                      owner, unreadable ? ", and may not read," : "", tables),
          fmt::format("{}GRANT {} TO {}; or, for each table, ALTER TABLE … OWNER TO {};", grants, owner, role, role));
    } else {
      if (groups.boolean(row, 4)) grants += fmt::format("GRANT SELECT ON ALL TABLES IN SCHEMA {} TO {};", schema, role);
      findings.warning(fmt::format("role {} (POSTGRES_USER) may not read {}", role, tables), grants);
    }
  }
}

void check_keyless(const std::string& tables, NoPrimaryKeyPolicy policy, Findings& findings) {
  switch (policy) {
    case NoPrimaryKeyPolicy::Full:
      findings.ok("without a primary key, so followed as bags of rows with REPLICA IDENTITY FULL: " + tables);
      break;
    case NoPrimaryKeyPolicy::InsertOnly:
      findings.warning("without a primary key, so only their inserts are followed (ECHODB_NO_PK_POLICY): " + tables,
                       "add a primary key, or set ECHODB_NO_PK_POLICY=full");
      break;
    case NoPrimaryKeyPolicy::Skip:
      findings.warning("without a primary key, so not followed (ECHODB_NO_PK_POLICY): " + tables,
                       "add a primary key, or set ECHODB_NO_PK_POLICY=full");
      break;
  }
}

/// What becomes of each table that is not an ordinary one with a key.
void check_kinds(PostgresConnection& source, const Settings& settings, Findings& findings) {
  QueryResult kinds =
      source.query(std::string(sql::preflight_kinds),
                   {to_array_text(settings.sync_schemas), to_array_text(exclusion_patterns(settings.excluded_tables))});
  for (std::size_t row = 0; row < kinds.rows(); ++row) {
    std::string_view kind = kinds.text(row, 0);
    std::string tables = fmt::format("{} {}", kinds.text(row, 1), kinds.text(row, 2));
    if (kind == "with a key") {
      findings.ok(fmt::format("{} tables have a key", kinds.text(row, 1)));
    } else if (kind == "without a key") {
      check_keyless(tables, settings.no_pk_policy, findings);
    } else if (kind == "unlogged") {
      findings.warning("UNLOGGED tables are not in the log, so they are not followed: " + tables,
                       "ALTER TABLE … SET LOGGED; or name them in EXCLUDED_TABLES");
    } else {
      findings.ok(fmt::format("not followed, because they are {}: {}", kind, tables));
    }
  }
}

}  // namespace

void examine_source(PostgresConnection& source, const Settings& settings, Findings& findings) {
  if (!check_version(source.server_version(), findings)) return;
  ServerFacts facts = read_server_facts(source);
  check_server(facts, findings);
  check_role(facts, findings);
  check_schemas(source, settings, findings);
  if (!facts.superuser) check_tables(source, settings, facts, findings);
  check_kinds(source, settings, findings);
}

}  // namespace echodb
