#pragma once

#include <libpq-fe.h>

#include <string>

#include "base/error.h"
#include "config/settings.h"

// Inside src/postgres only: the one place where libpq's failures become ours.
namespace echodb {

/// libpq's last message, without the line feeds at its end.
std::string message_of(const PGconn* connection);
/// A connection that could not be made, with libpq's words for the reason.
Error connect_error(const std::string& message, const PostgresSettings& settings);
/// A connection that broke.
Error connection_error(const PGconn* connection);
/// A statement that was refused; SourceUnreachable when the connection broke meanwhile.
Error result_error(const PGconn* connection, const PGresult* result);

}  // namespace echodb
