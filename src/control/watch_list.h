#pragma once

#include <string>
#include <vector>

#include "config/settings.h"
#include "postgres/connection.h"

namespace echodb {

// The watch list: what SYNC_SCHEMA, EXCLUDED_TABLES and ECHODB_NO_PK_POLICY say, as the row of `_echodb.watch`, by
// which triggers and workers go. `setup` writes it. Two workers may have been given different ones, so a worker looks
// only when it begins to lead, and then its own counts: they do not put each other's back and forth.

/// What differs between the row and the settings, as a clause for people; empty: nothing, or there is no row yet.
std::string watch_list_difference(PostgresConnection& source, const Settings& settings);

/// The names in EXCLUDED_TABLES, but for those of its default, that no table has. Globs are for what is to come.
std::vector<std::string> excluded_in_vain(PostgresConnection& source, const Settings& settings);

/// Part of setup's transaction. Log and journal tell of what differs.
void write_watch_list(PostgresConnection& source, const Settings& settings, const std::string& publication);

}  // namespace echodb
