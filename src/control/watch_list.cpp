#include "control/watch_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/log.h"
#include "config/exclusions.h"

namespace echodb {
namespace {

std::string policy_word(NoPrimaryKeyPolicy policy) {
  switch (policy) {
    case NoPrimaryKeyPolicy::Full: return "full";
    case NoPrimaryKeyPolicy::InsertOnly: return "insert_only";
    case NoPrimaryKeyPolicy::Skip: return "skip";
  }
  return "full";
}

std::vector<QueryParameter> watch_list_of(const Settings& settings) {
  return {to_array_text(settings.sync_schemas), to_array_text(exclusion_patterns(settings.excluded_tables)),
          policy_word(settings.no_pk_policy)};
}

}  // namespace

std::string watch_list_difference(PostgresConnection& source, const Settings& settings) {
  if (source.query("SELECT to_regclass('_echodb.watch') IS NULL").boolean(0, 0)) return {};
  QueryResult difference = source.query(
      "SELECT concat_ws(', ', "
      "CASE WHEN schemas <> $1::text[] THEN format('SYNC_SCHEMA is %s and was %s', "
      "array_to_string($1::text[], ','), array_to_string(schemas, ',')) END, "
      "CASE WHEN excluded <> $2::text[] THEN format('EXCLUDED_TABLES is %s and was %s', "
      "$2::text[], excluded) END, "
      "CASE WHEN no_pk_policy <> $3 THEN format('ECHODB_NO_PK_POLICY is %s and was %s', $3, no_pk_policy) END) "
      "FROM _echodb.watch",
      watch_list_of(settings));
  return difference.rows() == 0 ? std::string() : std::string(difference.text(0, 0));
}

std::vector<std::string> excluded_in_vain(PostgresConnection& source, const Settings& settings) {
  const std::vector<std::string> usual = Settings().excluded_tables;
  std::vector<std::string> names;
  for (const std::string& name : settings.excluded_tables) {
    if (name.find_first_of("*?") != std::string::npos || std::ranges::find(usual, name) != usual.end()) continue;
    const QueryResult found = source.query(
        "SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') "
        "AND (c.relname ~ $1 OR (n.nspname || '.' || c.relname) ~ $1) LIMIT 1",
        {exclusion_pattern(name)});
    if (found.rows() == 0) names.push_back(name);
  }
  return names;
}

void write_watch_list(PostgresConnection& source, const Settings& settings, const std::string& publication) {
  const std::string difference = watch_list_difference(source, settings);
  if (!difference.empty()) {
    log::warn("{}: what is watched follows these settings from now on", difference);
    source.query("INSERT INTO _echodb.journal (worker, event, detail) VALUES ($1, 'watch_list_changed', $2)",
                 {settings.worker_id, difference});
  }
  std::vector<QueryParameter> values = watch_list_of(settings);
  values.emplace_back(publication);
  source.query(
      "INSERT INTO _echodb.watch (publication, schemas, excluded, no_pk_policy) VALUES ($4, $1::text[], $2::text[], "
      "$3) "
      "ON CONFLICT (only_row) DO UPDATE SET publication = excluded.publication, schemas = excluded.schemas, "
      "excluded = excluded.excluded, no_pk_policy = excluded.no_pk_policy",
      values);
}

}  // namespace echodb
