// The part of CatalogStore that makes its tables, and brings those of an earlier version up to date.

#include <fmt/format.h>

#include "base/log.h"
#include "base/pause.h"
#include "catalog/catalog_holders.sql.h"
#include "catalog/catalog_schema.sql.h"
#include "catalog/store_connection.h"
#include "postgres/own_schema.h"

namespace echodb {
namespace {

/// A statement that waits for a table's lock has the application's triggers wait behind it. So an attempt waits no
/// longer than a trigger does, and all others get through before the next one.
constexpr const char* kShortWait = "SET LOCAL lock_timeout = '100ms'";
constexpr std::chrono::milliseconds kTryAgainAfter{200};
constexpr int kTriesMax = 50;

std::string who_holds(PostgresConnection& connection) {
  QueryResult holders = connection.query(std::string(sql::catalog_holders));
  return holders.is_null(0, 0) ? "another session" : std::string(holders.text(0, 0));
}

void make_tables(PostgresConnection& connection) {
  connection.execute("BEGIN; CREATE SCHEMA IF NOT EXISTS _echodb");
  connection.execute(kShortWait);
  require_own_schema(connection);
  connection.execute(std::string(sql::catalog_schema));
  connection.execute("COMMIT");
}

}  // namespace

/// Empty when it is done; else who has kept it from a lock.
std::string CatalogStore::try_install() {
  return with_connection([](PostgresConnection& connection) -> std::string {
    try {
      make_tables(connection);
      return {};
    } catch (const Error& error) {
      if (error.code() == ErrorCode::SourceUnreachable || error.code() == ErrorCode::Stopped) throw;
      connection.execute("ROLLBACK");
      if (error.code() != ErrorCode::SourceBusy) throw;
      return who_holds(connection);
    }
  });
}

void CatalogStore::install() {
  std::string said;
  for (int attempt = 1;; ++attempt) {
    const std::string holders = try_install();
    if (holders.empty()) return;
    if (attempt == kTriesMax) {
      throw Error(ErrorCode::SourceBusy,
                  fmt::format("the tables of _echodb cannot be brought up to date: they are locked by {}", holders),
                  "let that session end its transaction, or end it: SELECT pg_terminate_backend(pid)");
    }
    if (holders != said) log::warn("the tables of _echodb are brought up to date once they are free: {}", holders);
    said = holders;
    pause(kTryAgainAfter, stop_);
    if (stop_.stop_requested()) throw Error(ErrorCode::Stopped, "stopped while waiting for the tables of _echodb");
  }
}

}  // namespace echodb
