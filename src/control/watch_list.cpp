#include "control/watch_list.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

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

std::string words(const std::vector<std::string>& names) {
  return names.empty() ? "empty" : fmt::format("{}", fmt::join(names, ","));
}

/// What `patterns`, a text[], was made of.
std::vector<std::string> exclusions_of(PostgresConnection& source, std::string_view patterns) {
  const QueryResult each = source.query("SELECT unnest($1::text[])", {std::string(patterns)});
  std::vector<std::string> names;
  for (std::size_t row = 0; row < each.rows(); ++row) names.push_back(exclusion_of(std::string(each.text(row, 0))));
  return names;
}

}  // namespace

std::string watch_list_difference(PostgresConnection& source, const Settings& settings) {
  if (source.query("SELECT to_regclass('_echodb.watch') IS NULL").boolean(0, 0)) return {};
  QueryResult before = source.query(
      "SELECT schemas <> $1::text[], array_to_string(schemas, ','), excluded <> $2::text[], excluded, "
      "no_pk_policy <> $3, no_pk_policy FROM _echodb.watch",
      watch_list_of(settings));
  if (before.rows() == 0) return {};
  std::vector<std::string> changes;
  auto add = [&](std::string_view name, const std::string& now, std::string_view then) {
    changes.push_back(fmt::format("{} is {} and was {}", name, now, then));
  };
  if (before.boolean(0, 0)) add("SYNC_SCHEMA", words(settings.sync_schemas), before.text(0, 1));
  if (before.boolean(0, 2)) {
    add("EXCLUDED_TABLES", words(settings.excluded_tables), words(exclusions_of(source, before.text(0, 3))));
  }
  if (before.boolean(0, 4)) add("ECHODB_NO_PK_POLICY", policy_word(settings.no_pk_policy), before.text(0, 5));
  return fmt::format("{}", fmt::join(changes, ", "));
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
