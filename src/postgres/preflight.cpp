#include "postgres/preflight.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

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

class Findings {
 public:
  void fatal(ErrorCode code, std::string what, std::string remedy) {
    all_.push_back({Finding::Severity::Fatal, code, std::move(what), std::move(remedy)});
  }
  void warning(ErrorCode code, std::string what, std::string remedy) {
    all_.push_back({Finding::Severity::Warning, code, std::move(what), std::move(remedy)});
  }
  std::vector<Finding> worst_first() && {
    std::ranges::stable_sort(all_, {}, &Finding::severity);
    return std::move(all_);
  }

 private:
  std::vector<Finding> all_;
};

/// Of a server that is too old nothing else is asked: it might not know what the questions mean.
void require_version(int version) {
  constexpr int kMajor = 10'000;
  if (version >= kServerVersionMin) return;
  throw Error(ErrorCode::InvalidConfiguration,
              fmt::format("the source (POSTGRES_HOST) is PostgreSQL {}, and EchoDB needs {} at the least",
                          version / kMajor, kServerVersionMin / kMajor),
              "upgrade the server, or let POSTGRES_HOST name a newer one");
}

void check_server(const ServerFacts& facts, Findings& findings) {
  if (facts.in_recovery) {
    findings.fatal(ErrorCode::SourceRejected, "the source (POSTGRES_HOST) is a standby, which can record no DDL",
                   "let POSTGRES_HOST and POSTGRES_PORT name its primary");
  }
  if (facts.wal_level != "logical") {
    findings.fatal(ErrorCode::SourceNotLogical,
                   fmt::format("wal_level of the source (POSTGRES_HOST) is '{}', not 'logical'", facts.wal_level),
                   "ALTER SYSTEM SET wal_level = logical; then restart PostgreSQL "
                   "(RDS: set rds.logical_replication = 1; Cloud SQL: cloudsql.logical_decoding = on)");
  }
  if (!facts.has_own_slot && facts.slots_used >= facts.slots_max) {
    findings.fatal(
        ErrorCode::SourceRejected,
        fmt::format("all {} replication slots of the source (max_replication_slots) are taken", facts.slots_max),
        fmt::format("SELECT pg_drop_replication_slot('…') for one that nobody uses, or ALTER SYSTEM SET "
                    "max_replication_slots = {}; then restart PostgreSQL",
                    facts.slots_max + 4));
  }
  if (facts.wal_senders_used_by_others >= facts.wal_senders_max) {
    findings.fatal(
        ErrorCode::SourceRejected,
        fmt::format("all {} WAL senders of the source (max_wal_senders) are taken", facts.wal_senders_max),
        fmt::format("ALTER SYSTEM SET max_wal_senders = {}; then restart PostgreSQL", facts.wal_senders_max + 4));
  }
}

void check_role(const ServerFacts& facts, Findings& findings) {
  std::string role = quote_sql_identifier(facts.role);
  if (!facts.may_replicate) {
    findings.fatal(ErrorCode::SourcePrivilege, fmt::format("role {} (POSTGRES_USER) may not replicate", role),
                   fmt::format("ALTER ROLE {} REPLICATION; (RDS: GRANT rds_replication TO {};)", role, role));
  }
  if (!facts.may_create_event_triggers) {
    findings.fatal(
        ErrorCode::SourcePrivilege,
        fmt::format("role {} (POSTGRES_USER) may not create event triggers, which carry schema changes", role),
        fmt::format("ALTER ROLE {} SUPERUSER; or run `echodb setup` once with POSTGRES_USER set to a "
                    "superuser (RDS: GRANT rds_superuser TO {};)",
                    role, role));
  }
  if (!facts.may_create_in_database) {
    findings.fatal(ErrorCode::SourcePrivilege,
                   fmt::format("role {} (POSTGRES_USER) may create neither schema nor publication in database {} "
                               "(POSTGRES_DB)",
                               role, quote_sql_identifier(facts.database)),
                   fmt::format("GRANT CREATE ON DATABASE {} TO {};", quote_sql_identifier(facts.database), role));
  }
}

void check_schemas(PostgresConnection& source, const Settings& settings, Findings& findings) {
  QueryResult missing = source.query(
      "SELECT name FROM unnest($1::text[]) AS name WHERE NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = name)",
      {to_array_text(settings.sync_schemas)});
  for (std::size_t row = 0; row < missing.rows(); ++row) {
    std::string name = quote_sql_identifier(missing.text(row, 0));
    findings.fatal(ErrorCode::InvalidConfiguration,
                   fmt::format("SYNC_SCHEMA names schema {}, which database {} (POSTGRES_DB) does not have", name,
                               quote_sql_identifier(settings.postgres.database)),
                   fmt::format("correct SYNC_SCHEMA, or CREATE SCHEMA {};", name));
  }
}

/// Tables are replicated one by one, so one that cannot be leaves the others alone.
void check_tables(PostgresConnection& source, const Settings& settings, const ServerFacts& facts, Findings& findings) {
  QueryResult tables = source.query(std::string(sql::preflight_tables),
                                    {to_array_text(settings.sync_schemas), to_array_text(settings.excluded_tables)});
  std::string role = quote_sql_identifier(facts.role);
  for (std::size_t row = 0; row < tables.rows(); ++row) {
    std::string_view table = tables.text(row, 1);
    if (tables.boolean(row, 2)) {
      findings.warning(
          ErrorCode::SourcePrivilege,
          fmt::format("table {} is not owned by role {} (POSTGRES_USER), so it cannot be published", table, role),
          fmt::format("ALTER TABLE {} OWNER TO {}; or GRANT its owner TO {};", table, role, role));
    } else {
      findings.warning(ErrorCode::SourcePrivilege,
                       fmt::format("role {} (POSTGRES_USER) may not read table {}", role, table),
                       fmt::format("GRANT USAGE ON SCHEMA {} TO {}; GRANT SELECT ON {} TO {};", tables.text(row, 0),
                                   role, table, role));
    }
  }
}

}  // namespace

std::vector<Finding> preflight(PostgresConnection& source, const Settings& settings) {
  require_version(source.server_version());
  Findings findings;
  ServerFacts facts = read_server_facts(source);
  check_server(facts, findings);
  check_role(facts, findings);
  check_schemas(source, settings, findings);
  if (!facts.superuser) check_tables(source, settings, facts, findings);
  return std::move(findings).worst_first();
}

void require_no_fatal(const std::vector<Finding>& findings) {
  std::vector<Finding> fatal;
  std::ranges::copy_if(findings, std::back_inserter(fatal),
                       [](const Finding& finding) { return finding.severity == Finding::Severity::Fatal; });
  if (fatal.empty()) return;
  if (fatal.size() == 1) throw Error(fatal[0].code, fatal[0].what, fatal[0].remedy);
  std::string all = "the source is not ready for replication:";
  for (const Finding& finding : fatal) all += fmt::format("\n  {}\n    what to do: {}", finding.what, finding.remedy);
  throw Error(fatal[0].code, all);
}

}  // namespace echodb
