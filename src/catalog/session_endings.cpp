#include "catalog/session_endings.h"

#include "postgres/server_version.h"

namespace echodb {

std::string session_endings(PostgresConnection& connection) {
  if (!counts_session_endings(connection.server_version())) return {};
  QueryResult counted = connection.execute(
      "SELECT format('%s %s %s', sessions_killed, sessions_fatal, stats_reset) FROM pg_stat_database "
      "WHERE datname = current_database()");
  return counted.rows() == 0 ? std::string() : std::string(counted.text(0, 0));
}

}  // namespace echodb
