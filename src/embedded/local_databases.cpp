#include "embedded/local_databases.h"

#include "embedded/sample_data.sql.h"

namespace echodb {
namespace {

constexpr const char* kUnfinished = "echodb_being_made";

bool exists(PostgresConnection& connection, const std::string& database) {
  return connection.query("SELECT 1 FROM pg_database WHERE datname = $1", {database}).rows() == 1;
}

/// A database that a person makes has a higher object id, whatever its name: that one is not ours to drop.
bool made_by_initdb(PostgresConnection& connection, const std::string& database) {
  constexpr const char* kQuery = "SELECT 1 FROM pg_database WHERE datname = $1 AND oid < 16384";
  return connection.query(kQuery, {database}).rows() == 1;
}

void load_samples(PostgresSettings settings) {
  settings.database = kUnfinished;
  PostgresConnection connection(settings, ConnectionKind::Ordinary);
  connection.execute(std::string(sql::sample_data));
}

}  // namespace

PostgresConnection connect_for_maintenance(const PostgresSettings& settings) {
  PostgresSettings maintenance = settings;
  maintenance.database = "template1";
  return {maintenance, ConnectionKind::Ordinary};
}

bool create_databases(const PostgresSettings& settings) {
  {
    PostgresConnection connection = connect_for_maintenance(settings);
    if (made_by_initdb(connection, "postgres")) connection.execute("DROP DATABASE postgres WITH (FORCE)");
    if (exists(connection, settings.database)) return false;
    connection.execute(std::string("DROP DATABASE IF EXISTS ") + kUnfinished);
    // template0: a copy of template1 would fail as long as anyone, even this session, is connected to it.
    connection.execute(std::string("CREATE DATABASE ") + kUnfinished + " TEMPLATE template0");
  }
  load_samples(settings);
  PostgresConnection connection = connect_for_maintenance(settings);
  connection.execute(std::string("ALTER DATABASE ") + kUnfinished + " RENAME TO " +
                     quote_sql_identifier(settings.database));
  return true;
}

}  // namespace echodb
