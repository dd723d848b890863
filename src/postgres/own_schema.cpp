#include "postgres/own_schema.h"

#include <fmt/format.h>

#include "base/error.h"
#include "postgres/schema_strangers.sql.h"

namespace echodb {

void require_own_schema(PostgresConnection& connection) {
  QueryResult stranger = connection.query(std::string(sql::schema_strangers));
  if (stranger.rows() == 0) return;
  throw Error(
      ErrorCode::SourcePrivilege,
      fmt::format("{} belongs to the role {}: nothing in the schema _echodb is used or changed", stranger.text(0, 0),
                  stranger.text(0, 1)),
      "only EchoDB's role and superusers may own what is in this schema: see what it is, then drop or rename it");
}

}  // namespace echodb
