#pragma once

#include "config/settings.h"
#include "postgres/connection.h"

namespace echodb {

/// A connection to the private server that needs no database of its own: to `template1`. Keep it short, it stands in
/// the way of CREATE DATABASE.
PostgresConnection connect_for_maintenance(const PostgresSettings& settings);

/// Removes initdb's database `postgres` and makes the configured one with the sample tables, unless it is there. A new
/// database gets its name when it is complete, so that one cut short by a crash is made again. True when it was made.
bool create_databases(const PostgresSettings& settings);

}  // namespace echodb
