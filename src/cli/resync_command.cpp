#include <fmt/format.h>

#include <cstdio>

#include "base/error.h"
#include "cli/commands.h"
#include "control/column_types.h"
#include "postgres/connection.h"
#include "postgres/own_schema.h"
#include "postgres/table_schema.h"
#include "replication/ddl_message.h"

namespace echodb {

/// Puts the wish into the source's log, where the worker finds it in order among the table's changes.
int resync_command(const Settings& settings, const ResyncOptions& options) {
  auto dot = options.table.find('.');
  std::string schema = dot == std::string::npos ? settings.sync_schemas.front() : options.table.substr(0, dot);
  std::string name = dot == std::string::npos ? options.table : options.table.substr(dot + 1);
  PostgresConnection source(settings.postgres, ConnectionKind::Ordinary);
  require_own_schema(source);
  QueryResult found = source.query(
      "SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = "
      "$2 "
      "AND c.oid IN (SELECT t FROM _echodb.watched_tables() t)",
      {schema, name});
  if (found.rows() == 0) {
    throw Error(ErrorCode::InvalidConfiguration, fmt::format("{}.{} is not a table that EchoDB mirrors", schema, name),
                "`echodb status` lists them");
  }
  const auto table = static_cast<Oid>(found.number(0, 0));
  const QueryResult now = source.query("SELECT _echodb.table_snapshot($1::oid)", {std::to_string(table)});
  if (!now.is_null(0, 0)) require_column_types(settings, parse_table_schema(std::string(now.text(0, 0))), {});
  ask_for_description(source, table, kResyncTag);
  fmt::print("{}.{} will be copied again; readers keep the present table until the copy is complete\n", schema, name);
  return 0;
}

}  // namespace echodb
