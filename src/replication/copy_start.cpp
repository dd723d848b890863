#include "replication/copy_start.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/error.h"

namespace echodb {
namespace {

constexpr std::chrono::milliseconds kPause{5};

void pause(const std::stop_token& stop) {
  if (stop.stop_requested()) throw Error(ErrorCode::Stopped, "the copy was stopped");
  std::this_thread::sleep_for(kPause);
}

/// The transactions that hold a writer's lock on the table, as a text[]; of those in $2 only, when it is not NULL.
constexpr std::string_view kWriters =
    "SELECT coalesce(array_agg(DISTINCT l.virtualtransaction), '{}')::text FROM pg_locks l "
    "WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid() "
    "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND (l.relation = $1::oid OR l.relation IN (SELECT relid FROM pg_partition_tree($1::oid::regclass))) "
    "AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock') "
    "AND ($2::text[] IS NULL OR l.virtualtransaction = ANY ($2::text[]))";

bool sees_all(const CopyVisibility& visibility, const auto& transactions) {
  return std::ranges::all_of(transactions, [&](Xid xid) { return visibility.sees(xid); });
}

/// Nothing here takes the transaction's snapshot.
void begin_with_locks(PostgresConnection& source, std::span<const NamedRelation> relations) {
  source.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  for (const NamedRelation& relation : relations) {
    source.execute("LOCK TABLE " + relation.name + " IN ACCESS SHARE MODE");
  }
}

void require_names(PostgresConnection& source, std::span<const NamedRelation> relations) {
  for (const NamedRelation& relation : relations) {
    QueryResult same = source.query("SELECT coalesce(to_regclass($1) = $2::oid, false)",
                                    {relation.name, std::to_string(relation.oid)});
    if (!same.boolean(0, 0)) throw Error(ErrorCode::SchemaMismatch, "the table was renamed as its copy began");
  }
}

bool try_begin_whole_copy(PostgresConnection& source, std::span<const NamedRelation> relations, CopyGate& gate,
                          std::string& snapshot) {
  // The stream may wait for the gate, so no lock is waited for while it is closed.
  begin_with_locks(source, relations);
  std::lock_guard lock(gate.mutex);
  snapshot = source.query("SELECT pg_current_snapshot()::text").text(0, 0);
  auto visibility = CopyVisibility::parse(snapshot);
  if (!sees_all(visibility, gate.left_out)) {
    source.execute("ROLLBACK");
    return false;
  }
  gate.visibility = std::move(visibility);
  gate.left_out.clear();
  return true;
}

}  // namespace

void wait_for_writers(PostgresConnection& source, Oid table, const std::stop_token& stop) {
  QueryParameter among = std::nullopt;
  while (true) {
    std::string writers(source.query(std::string(kWriters), {std::to_string(table), among}).text(0, 0));
    if (writers == "{}") return;
    among = writers;
    pause(stop);
  }
}

bool all_visible(PostgresConnection& source, std::span<const Xid> transactions) {
  if (transactions.empty()) return true;
  return sees_all(CopyVisibility::parse(source.query("SELECT pg_current_snapshot()::text").text(0, 0)), transactions);
}

void wait_until_visible(PostgresConnection& source, std::span<const Xid> transactions, const std::stop_token& stop) {
  while (!all_visible(source, transactions)) pause(stop);
}

NamedRelation NamedRelation::read(PostgresConnection& source, Oid oid) {
  QueryResult found = source.query(
      "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
      "WHERE c.oid = $1::oid",
      {std::to_string(oid)});
  if (found.rows() == 0) throw Error(ErrorCode::SchemaMismatch, "the table is no longer there");
  return {.oid = oid, .name = std::string(found.text(0, 0))};
}

void begin_copy(PostgresConnection& source, std::span<const NamedRelation> relations) {
  begin_with_locks(source, relations);
  require_names(source, relations);
}

void require_columns(PostgresConnection& source, const TableSchema& schema) {
  QueryResult found = source.query("SELECT _echodb.table_snapshot($1::oid)", {std::to_string(schema.oid)});
  if (found.is_null(0, 0)) throw Error(ErrorCode::SchemaMismatch, "the table is no longer there");
  auto same = [](const Column& here, const Column& there) {
    return here.attnum == there.attnum && here.name == there.name && here.type.oid == there.type.oid &&
           here.type.element_oid == there.type.element_oid;
  };
  if (!std::ranges::equal(parse_table_schema(std::string(found.text(0, 0))).columns, schema.columns, same)) {
    throw Error(ErrorCode::SchemaMismatch, "its columns are not the ones that the stream has come to");
  }
}

std::string begin_whole_copy(PostgresConnection& source, std::span<const NamedRelation> relations, CopyGate& gate,
                             const std::stop_token& stop) {
  std::string snapshot;
  while (!try_begin_whole_copy(source, relations, gate, snapshot)) pause(stop);
  require_names(source, relations);
  return snapshot;
}

}  // namespace echodb
