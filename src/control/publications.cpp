#include "control/publications.h"

#include <fmt/format.h>

#include "postgres/server_version.h"
#include "replication/ddl_message.h"

namespace echodb {
namespace {

/// A publication that somebody else owns, and only a superuser may give back.
void run(PostgresConnection& source, const std::string& name, const std::string& statement) {
  try {
    source.execute(statement);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::SourcePrivilege) throw;
    throw Error(ErrorCode::SourcePrivilege,
                fmt::format("the publication {} cannot be put right: {}", name, error.message()),
                fmt::format("its owner or a superuser runs: {}", statement));
  }
}

struct Present {
  bool exists = false;
  bool of_all_tables = false;
  bool as_wanted = false;
};

Present look_at(PostgresConnection& source, const std::string& name, const std::string& operations) {
  QueryResult found = source.query(
      "SELECT puballtables, concat_ws(', ', CASE WHEN pubinsert THEN 'insert' END, CASE WHEN pubupdate THEN 'update' "
      "END, CASE WHEN pubdelete THEN 'delete' END, CASE WHEN pubtruncate THEN 'truncate' END) = $2 AND pubviaroot "
      "AND coalesce(to_jsonb(p) ->> 'pubgencols', 's') = 's' FROM pg_publication p WHERE pubname = $1",
      {name, operations});
  if (found.rows() == 0) return {};
  return {.exists = true, .of_all_tables = found.boolean(0, 0), .as_wanted = found.boolean(0, 1)};
}

bool put_right(PostgresConnection& source, const std::string& name, const std::string& operations) {
  const std::string quoted = quote_sql_identifier(name);
  std::string options = fmt::format("publish = '{}', publish_via_partition_root = true", operations);
  if (publishes_generated_columns(source.server_version())) options += ", publish_generated_columns = stored";
  Present present = look_at(source, name, operations);
  // Such a one cannot be altered into one that names its tables.
  if (present.of_all_tables) run(source, name, "DROP PUBLICATION " + quoted);
  if (!present.exists || present.of_all_tables) {
    run(source, name, fmt::format("CREATE PUBLICATION {} WITH ({})", quoted, options));
    return true;
  }
  if (!present.as_wanted) run(source, name, fmt::format("ALTER PUBLICATION {} SET ({})", quoted, options));
  return !present.as_wanted;
}

/// Where the stream has no messages, they are rows of a table, which is published like any other.
bool put_messages_right(PostgresConnection& source, const std::string& publication) {
  if (streams_bytes_and_messages(source.server_version())) return false;
  const std::string name = publication + std::string(kMessagePublicationSuffix);
  const std::string quoted = quote_sql_identifier(name);
  const std::string table = fmt::format("{}.{}", kMessageSchema, kMessageTable);
  QueryResult found = source.query(
      "SELECT pubinsert AND NOT puballtables, EXISTS (SELECT FROM pg_publication_rel r WHERE r.prpubid = p.oid AND "
      "r.prrelid = to_regclass($2)) FROM pg_publication p WHERE pubname = $1",
      {name, table});
  if (found.rows() > 0 && found.boolean(0, 0) && found.boolean(0, 1)) return false;
  if (found.rows() > 0) run(source, name, "DROP PUBLICATION " + quoted);
  run(source, name, fmt::format("CREATE PUBLICATION {} FOR TABLE {} WITH (publish = 'insert')", quoted, table));
  return true;
}

bool take_over(PostgresConnection& source, const std::string& publication) {
  const std::vector<ForeignPublication> foreign = find_foreign_publications(source, publication);
  for (const ForeignPublication& of_another : foreign) run(source, of_another.name, of_another.remedy);
  return !foreign.empty();
}

}  // namespace

std::vector<std::string> publication_names(const std::string& publication) {
  return {publication, publication + "_insert_only", publication + "_messages"};
}

std::vector<ForeignPublication> find_foreign_publications(PostgresConnection& source, const std::string& publication) {
  QueryResult found = source.query(
      "SELECT p.pubname, pg_get_userbyid(p.pubowner), format('ALTER PUBLICATION %I OWNER TO %I', p.pubname, "
      "current_user) FROM pg_publication p WHERE p.pubname::text = ANY ($1::text[]) "
      "AND NOT pg_has_role(p.pubowner, 'USAGE')",
      {to_array_text(publication_names(publication))});
  std::vector<ForeignPublication> foreign;
  for (std::size_t row = 0; row < found.rows(); ++row) {
    foreign.push_back({.name = std::string(found.text(row, 0)),
                       .owner = std::string(found.text(row, 1)),
                       .remedy = std::string(found.text(row, 2))});
  }
  return foreign;
}

bool put_publications_right(PostgresConnection& source, const std::string& publication) {
  const bool taken = take_over(source, publication);
  const bool all = put_right(source, publication, "insert, update, delete, truncate");
  const bool inserts = put_right(source, publication + "_insert_only", "insert, truncate");
  const bool messages = put_messages_right(source, publication);
  return taken || all || inserts || messages;
}

}  // namespace echodb
