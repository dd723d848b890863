#include "postgres/sql_error.h"

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "postgres/connection.h"

namespace echodb {
namespace {

ErrorCode code_of(std::string_view sqlstate) {
  if (sqlstate.starts_with("28")) return ErrorCode::SourceAuthentication;
  if (sqlstate == "42501") return ErrorCode::SourcePrivilege;
  if (sqlstate == "55006") return ErrorCode::SlotBusy;
  if (sqlstate.starts_with("08") || sqlstate.starts_with("57P")) return ErrorCode::SourceUnreachable;
  // Lock not available, deadlock, serialisation failure, cancelled by a timeout; class 53 is lack of resources.
  if (sqlstate == "55P03" || sqlstate == "40P01" || sqlstate == "40001" || sqlstate == "57014" ||
      sqlstate.starts_with("53")) {
    return ErrorCode::SourceBusy;
  }
  return ErrorCode::SourceRejected;
}

bool mentions(std::string_view text, std::string_view words) { return text.find(words) != std::string_view::npos; }

}  // namespace

std::string message_of(const PGconn* connection) {
  std::string text = PQerrorMessage(connection);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

Error connect_error(const std::string& message, const PostgresSettings& settings) {
  std::string where = fmt::format("{}:{}/{}", settings.host, settings.port, settings.database);
  if (mentions(message, "password authentication failed") || mentions(message, "no password supplied") ||
      mentions(message, "no pg_hba.conf entry") ||
      (mentions(message, "role \"") && mentions(message, "does not exist"))) {
    return Error(ErrorCode::SourceAuthentication, fmt::format("PostgreSQL at {} refused the user: {}", where, message),
                 "check POSTGRES_USER and POSTGRES_PASSWORD, and the server's pg_hba.conf");
  }
  if (mentions(message, "database \"") && mentions(message, "does not exist")) {
    return Error(ErrorCode::SourceRejected, fmt::format("PostgreSQL at {}: {}", where, message),
                 "set POSTGRES_DB to a database that exists");
  }
  return Error(
      ErrorCode::SourceUnreachable, fmt::format("cannot reach PostgreSQL at {}: {}", where, message),
      settings.host_assumed
          ? "POSTGRES_HOST is not set, so this is the place of the server that `echodb up` starts: start that, "
            "run this in its directory or with its ECHODB_DATA_DIR, or set POSTGRES_HOST"
          : "check POSTGRES_HOST and POSTGRES_PORT, and that the server accepts connections from here");
}

Error connection_error(const PGconn* connection) {
  return Error(ErrorCode::SourceUnreachable, "the connection to PostgreSQL broke: " + message_of(connection));
}

/// 42883: undefined_function, "no binary output function available for type aclitem".
bool lacks_binary_form(const Error& error) {
  return error.code() == ErrorCode::SourceRejected && error.sqlstate() == "42883";
}

Error no_binary_form(const Error& error) {
  return Error(ErrorCode::NoBinaryForm, error.message()).with_sqlstate(error.sqlstate());
}

Error result_error(const PGconn* connection, const PGresult* result) {
  if (PQstatus(connection) != CONNECTION_OK) return connection_error(connection);
  const char* sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  const char* detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
  const char* where = PQresultErrorField(result, PG_DIAG_CONTEXT);
  std::string state = sqlstate == nullptr ? "" : sqlstate;
  std::string message = primary == nullptr ? message_of(connection) : primary;
  if (detail != nullptr) message += fmt::format(" ({})", detail);
  if (where != nullptr) message += fmt::format(" (in {})", where);
  return Error(code_of(state), message).with("sqlstate", state).with_sqlstate(state);
}

}  // namespace echodb
