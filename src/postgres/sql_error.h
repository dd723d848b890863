#pragma once

#include <libpq-fe.h>

#include "base/error.h"
#include "config/settings.h"

// Inside src/postgres only: the one place where libpq's failures become ours.
namespace echodb {

/// A connection that could not be made.
Error connect_error(const PGconn* connection, const PostgresSettings& settings);
/// A connection that broke.
Error connection_error(const PGconn* connection);
/// A statement that was refused; SourceUnreachable when the connection broke meanwhile.
Error result_error(const PGconn* connection, const PGresult* result);

}  // namespace echodb
