#include "replication/late_inserts.h"

#include <fmt/format.h>

#include <string>

#include "base/error.h"
#include "base/log.h"
#include "clickhouse/quoting.h"

namespace echodb {
namespace {

std::string of_table(const TargetTable& table) {
  return fmt::format("database = {} AND table = {}", quote_literal(table.database), quote_literal(table.name));
}

/// A user may not be allowed to see what the server does.
bool is_none(TargetClient& clickhouse, const std::string& question) {
  try {
    return clickhouse.query("SELECT count() = 0 FROM " + question) == "1\n";
  } catch (const Error& error) {
    if (error.code() != ErrorCode::TargetRejected) throw;
    log::warn("what ClickHouse is still at work on cannot be seen: {}", error.message());
    return true;
  }
}

}  // namespace

void await_inserts(TargetClient& clickhouse, const TargetTable& table) {
  const std::string insert = fmt::format("INSERT INTO {} (", qualified(table));
  // The question contains the text that it looks for.
  const std::string question =
      fmt::format("system.processes WHERE position(query, {}) > 0 AND position(query, 'system.processes') = 0",
                  quote_literal(insert));
  if (is_none(clickhouse, question)) return;
  throw Error(ErrorCode::TargetOverloaded,
              fmt::format("ClickHouse still works on an INSERT into {}", qualified(table)));
}

void require_no_late_parts(TargetClient& clickhouse, const TargetTable& table) {
  await_inserts(clickhouse, table);
  if (!is_none(clickhouse, fmt::format("system.mutations WHERE {} AND NOT is_done", of_table(table)))) {
    throw Error(ErrorCode::TargetOverloaded, fmt::format("ClickHouse still works on an ALTER of {}", qualified(table)));
  }
  // Columns of the server's own, of block numbers, are in parts only.
  const std::string late = fmt::format(
      "system.parts_columns WHERE {0} AND active AND NOT startsWith(column, '_block_') "
      "AND column NOT IN (SELECT name FROM system.columns WHERE {0})",
      of_table(table));
  if (is_none(clickhouse, late)) return;
  throw Error(ErrorCode::TargetRejected,
              fmt::format("an INSERT into {} that was begun before an ALTER has ended after it", qualified(table)),
              "nothing to do: the table is copied again");
}

}  // namespace echodb
