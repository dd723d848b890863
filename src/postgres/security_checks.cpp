#include "postgres/security_checks.h"

#include <fmt/format.h>

#include "postgres/own_schema.h"
#include "postgres/security_facts.sql.h"

namespace echodb {
namespace {

/// Up to here one message of a gigabyte ends every slot that meets it: docs/source-safety.md.
constexpr int kSurvivesLargeMessages = 160000;

// The columns of security_facts.sql.
constexpr std::size_t kEncrypted = 0;
constexpr std::size_t kLoopback = 1;
constexpr std::size_t kEveryoneEmits = 2;
constexpr std::size_t kReadersOfTheKey = 3;
constexpr std::size_t kCreatorsInOurSchema = 4;
constexpr std::size_t kReplicationRoles = 5;
constexpr std::size_t kOpenSchemas = 6;
constexpr std::size_t kTriggersOff = 7;
constexpr std::size_t kSuperuser = 8;
constexpr std::size_t kRole = 9;

void check_way(const QueryResult& facts, Findings& findings) {
  if (facts.boolean(0, kEncrypted)) {
    findings.ok("the connection to the source is encrypted (PGSSLMODE=verify-full also proves whose server it is)");
  } else if (facts.boolean(0, kLoopback)) {
    findings.ok("the source is on this machine");
  } else {
    findings.warning("rows and the password of the source travel in the clear",
                     "set PGSSLMODE=verify-full and PGSSLROOTCERT, and let the server's pg_hba.conf say hostssl");
  }
}

void check_messages(const QueryResult& facts, int server_version, Findings& findings) {
  if (!facts.boolean(0, kEveryoneEmits)) {
    findings.ok("not everybody may write messages into the log");
  } else if (server_version < kSurvivesLargeMessages) {
    findings.warning(
        "every role may write a message of a gigabyte into the log (pg_logical_emit_message), which ends every "
        "replication slot of a server before PostgreSQL 16",
        fmt::format(
            "REVOKE EXECUTE ON FUNCTION pg_logical_emit_message(boolean, text, text), "
            "pg_logical_emit_message(boolean, text, bytea) FROM PUBLIC; GRANT it to {} unless that is a superuser",
            quote_sql_identifier(facts.text(0, kRole))));
  } else {
    findings.ok("every role may write messages into the log; the ones that are not ours are skipped");
  }
  if (facts.is_null(0, kReadersOfTheKey)) {
    findings.ok("no other role can read the key of our messages");
  } else {
    findings.warning(
        fmt::format("these roles can read the key of our messages, and so forge one: {}",
                    facts.text(0, kReadersOfTheKey)),
        "REVOKE what lets them read _echodb.message_key, pg_read_all_data maybe; or trust them with every mirror");
  }
}

void check_rights(const QueryResult& facts, Findings& findings) {
  if (!facts.is_null(0, kCreatorsInOurSchema)) {
    findings.warning(
        fmt::format("these roles may create objects in the schema _echodb: {}", facts.text(0, kCreatorsInOurSchema)),
        "REVOKE CREATE ON SCHEMA _echodb FROM them: its functions run with the rights of EchoDB's role");
  }
  if (!facts.is_null(0, kReplicationRoles)) {
    findings.warning(fmt::format("these roles may replicate, and so read every table of every database: {}",
                                 facts.text(0, kReplicationRoles)),
                     "ALTER ROLE … NOREPLICATION for those that need not");
  }
  if (!facts.is_null(0, kOpenSchemas)) {
    findings.warning(fmt::format("every role may create tables in watched schemas, and so fill ClickHouse: {}",
                                 facts.text(0, kOpenSchemas)),
                     "REVOKE CREATE ON SCHEMA … FROM PUBLIC;");
  }
  if (!facts.is_null(0, kTriggersOff)) {
    findings.warning(fmt::format("these event triggers of ours do not fire always: {}", facts.text(0, kTriggersOff)),
                     "ALTER EVENT TRIGGER … ENABLE ALWAYS; and `echodb setup`");
  }
  if (facts.boolean(0, kSuperuser)) {
    findings.ok(
        fmt::format("role {} is a superuser, which event triggers need; let it log in from EchoDB's machine alone "
                    "(pg_hba.conf)",
                    quote_sql_identifier(facts.text(0, kRole))));
  } else {
    findings.ok(fmt::format("role {} is no superuser", quote_sql_identifier(facts.text(0, kRole))));
  }
}

/// Only a superuser sees the file.
void check_trust(PostgresConnection& source, Findings& findings) {
  try {
    QueryResult trusting = source.query("SELECT count(*) FROM pg_hba_file_rules WHERE auth_method = 'trust'");
    if (trusting.number(0, 0) == 0) return findings.ok("nobody logs in to the source without a proof (pg_hba.conf)");
    findings.warning(
        fmt::format("{} lines of the source's pg_hba.conf let anybody in as anybody (trust)", trusting.text(0, 0)),
        "let them say scram-sha-256 or peer; SELECT line_number, type, database, user_name, address FROM "
        "pg_hba_file_rules WHERE auth_method = 'trust'");
  } catch (const Error& error) {
    if (error.code() != ErrorCode::SourcePrivilege) throw;
  }
}

}  // namespace

void examine_source_security(PostgresConnection& source, const Settings& settings, Findings& findings) {
  try {
    require_own_schema(source);
    findings.ok("the schema _echodb and all in it are EchoDB's, or a superuser's");
  } catch (const Error& stranger) {
    if (stranger.code() != ErrorCode::SourcePrivilege) throw;
    findings.fatal(stranger);
  }
  QueryResult facts = source.query(std::string(sql::security_facts), {to_array_text(settings.sync_schemas)});
  check_way(facts, findings);
  check_messages(facts, source.server_version(), findings);
  check_rights(facts, findings);
  check_trust(source, findings);
}

}  // namespace echodb
