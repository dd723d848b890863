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

bool try_begin_whole_copy(PostgresConnection& source, CopyGate& gate, std::string& snapshot) {
  std::lock_guard lock(gate.mutex);
  source.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
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

std::string begin_whole_copy(PostgresConnection& source, CopyGate& gate, const std::stop_token& stop) {
  std::string snapshot;
  while (!try_begin_whole_copy(source, gate, snapshot)) pause(stop);
  return snapshot;
}

}  // namespace echodb
