#pragma once

#include <string>

#include "postgres/connection.h"

namespace echodb {

/// How many sessions of this database the server has ended itself: by pg_terminate_backend() or a fatal error. While
/// this stays the same, every session that went was closed from its client's side. A session is counted before it goes
/// from pg_stat_activity. Empty where the server does not count, or not at once: before PostgreSQL 15.
std::string session_endings(PostgresConnection& connection);

}  // namespace echodb
