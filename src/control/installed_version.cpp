#include "control/installed_version.h"

#include <fmt/format.h>

#include <array>
#include <string>

#include "catalog/catalog_schema.sql.h"
#include "postgres/catalog_poll.sql.h"
#include "postgres/ddl_dependents.sql.h"
#include "postgres/ddl_event_triggers.sql.h"
#include "postgres/ddl_inventory.sql.h"
#include "postgres/ddl_messages.sql.h"
#include "postgres/ddl_prepare.sql.h"
#include "postgres/ddl_rights.sql.h"
#include "postgres/ddl_snapshot.sql.h"
#include "postgres/ddl_trigger.sql.h"
#include "postgres/ddl_unlogged.sql.h"

namespace echodb {
namespace {

/// What is installed is told by the schema's comment: a digest of what this program would install.
constexpr std::string_view kInstalledText = "'EchoDB ' || md5($1)";

/// In the order in which they need each other.
constexpr std::array kFunctions{sql::ddl_snapshot, sql::ddl_messages, sql::ddl_trigger,   sql::ddl_dependents,
                                sql::ddl_prepare,  sql::ddl_unlogged, sql::ddl_inventory, sql::catalog_poll};

std::string everything_installed() {
  std::string everything;
  for (std::string_view file : kFunctions) everything += file;
  for (std::string_view file : {sql::ddl_event_triggers, sql::ddl_rights, sql::catalog_schema}) everything += file;
  return everything;
}

}  // namespace

std::span<const std::string_view> installed_functions() { return kFunctions; }

bool is_of_this_version(PostgresConnection& source) {
  QueryResult same = source.query(
      fmt::format("SELECT coalesce(obj_description(to_regnamespace('_echodb'), 'pg_namespace') = {}, false)",
                  kInstalledText),
      {everything_installed()});
  return same.boolean(0, 0);
}

void note_installed(PostgresConnection& source) {
  QueryResult comment = source.query(
      fmt::format("SELECT format('COMMENT ON SCHEMA _echodb IS %L', {})", kInstalledText), {everything_installed()});
  source.execute(std::string(comment.text(0, 0)));
}

}  // namespace echodb
