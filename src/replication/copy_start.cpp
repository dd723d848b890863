#include "replication/copy_start.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/error.h"
#include "config/limits.h"
#include "replication/copy_locks.sql.h"
#include "replication/copy_writers.sql.h"

namespace echodb {
namespace {

constexpr std::chrono::milliseconds kPause{5};

void pause(const std::stop_token& stop) {
  if (stop.stop_requested()) throw Error(ErrorCode::Stopped, "the copy was stopped");
  std::this_thread::sleep_for(kPause);
}

std::vector<NamedRelation> relations_to_lock(PostgresConnection& source, std::span<const Oid> tables) {
  QueryResult found = source.query(std::string(sql::copy_locks), {fmt::format("{{{}}}", fmt::join(tables, ","))});
  std::vector<NamedRelation> relations;
  for (std::size_t row = 0; row < found.rows(); ++row) {
    relations.push_back({.oid = static_cast<Oid>(found.number(row, 0)), .name = std::string(found.text(row, 1))});
  }
  return relations;
}

std::vector<NamedRelation> named(std::span<const Oid> tables, const std::vector<NamedRelation>& relations) {
  std::vector<NamedRelation> result;
  for (Oid table : tables) {
    auto found = std::ranges::find(relations, table, &NamedRelation::oid);
    if (found == relations.end()) throw Error(ErrorCode::SchemaMismatch, "the table is no longer there");
    result.push_back(*found);
  }
  return result;
}

/// Nothing here takes the transaction's snapshot. Only the first lock is waited for, as nothing is held then. The
/// timeout holds for what the transaction waits for later as well: the statement that reads a table locks its indexes.
void begin_with_locks(PostgresConnection& source, std::span<const NamedRelation> relations) {
  source.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  source.execute(fmt::format("SET LOCAL lock_timeout = {}", limits::kCopyLockTimeout.count()));
  for (const NamedRelation& relation : relations) {
    const bool first = &relation == &relations.front();
    source.execute(fmt::format("LOCK TABLE ONLY {} IN ACCESS SHARE MODE{}", relation.name, first ? "" : " NOWAIT"));
  }
}

/// The tables, in the given order, with all of their locks held.
std::vector<NamedRelation> begin_locked(PostgresConnection& source, std::span<const Oid> tables) {
  std::vector<NamedRelation> relations = relations_to_lock(source, tables);
  std::vector<NamedRelation> result = named(tables, relations);
  begin_with_locks(source, relations);
  return result;
}

std::vector<NamedRelation> begin_when_free(PostgresConnection& source, std::span<const Oid> tables,
                                           const std::stop_token& stop) {
  while (true) {
    try {
      return begin_locked(source, tables);
    } catch (const Error& error) {
      if (!is_lock_refused(error)) throw;
      source.execute("ROLLBACK");
      pause(stop);
    }
  }
}

void require_names(PostgresConnection& source, std::span<const NamedRelation> relations) {
  for (const NamedRelation& relation : relations) {
    QueryResult same = source.query("SELECT coalesce(to_regclass($1) = $2::oid, false)",
                                    {relation.name, std::to_string(relation.oid)});
    if (!same.boolean(0, 0)) throw Error(ErrorCode::SchemaMismatch, "the table was renamed as its copy began");
  }
}

bool try_pass_gate(PostgresConnection& source, CopyGate& gate, std::string& snapshot) {
  // Not with the gate closed: the stream waits for that.
  snapshot = source.query("SELECT pg_current_snapshot()::text").text(0, 0);
  if (gate.try_pass(CopyVisibility::parse(snapshot))) return true;
  source.execute("ROLLBACK");
  return false;
}

}  // namespace

std::string find_writers(PostgresConnection& source, Oid table, std::optional<Xid> before,
                         const QueryParameter& among) {
  const QueryParameter bound = before ? QueryParameter(std::to_string(*before)) : std::nullopt;
  return std::string(source.query(std::string(sql::copy_writers), {std::to_string(table), among, bound}).text(0, 0));
}

bool all_visible(PostgresConnection& source, std::span<const Xid> transactions) {
  if (transactions.empty()) return true;
  return CopyVisibility::parse(source.query("SELECT pg_current_snapshot()::text").text(0, 0)).sees_all(transactions);
}

bool is_lock_refused(const Error& error) { return error.sqlstate() == "55P03"; }

NamedRelation begin_copy(PostgresConnection& source, Oid table) {
  std::vector<NamedRelation> relations = begin_locked(source, {&table, 1});
  require_names(source, relations);
  return relations.front();
}

void require_columns(PostgresConnection& source, const TableSchema& schema) {
  QueryResult found = source.query("SELECT _echodb.table_snapshot($1::oid)", {std::to_string(schema.oid)});
  if (found.is_null(0, 0)) throw Error(ErrorCode::SchemaMismatch, "the table is no longer there");
  require_columns(parse_table_schema(std::string(found.text(0, 0))), schema);
}

void require_columns(const TableSchema& now, const TableSchema& schema) {
  auto same = [](const Column& here, const Column& there) {
    return here.attnum == there.attnum && here.name == there.name && here.type.oid == there.type.oid &&
           here.type.element_oid == there.type.element_oid;
  };
  if (!std::ranges::equal(now.columns, schema.columns, same)) {
    throw Error(ErrorCode::SchemaMismatch, "its columns are not the ones that the stream has come to");
  }
}

WholeCopy begin_whole_copy(PostgresConnection& source, std::span<const Oid> tables, CopyGate& gate,
                           const std::stop_token& stop) {
  WholeCopy copy;
  while (true) {
    // The stream may wait for the gate, so no lock is waited for while it is closed.
    copy.relations = begin_when_free(source, tables, stop);
    if (try_pass_gate(source, gate, copy.snapshot)) break;
    pause(stop);
  }
  require_names(source, copy.relations);
  return copy;
}

}  // namespace echodb
