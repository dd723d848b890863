// The part of CatalogStore for who leads: each leadership is an epoch, a row of _echodb.leaders.

#include "catalog/store_connection.h"
#include "catalog/unaware_leaders.sql.h"

namespace echodb {
namespace {

/// History enough to see who led when.
constexpr int kEpochsKept = 1000;

/// One row, unless the epoch is not in the catalog.
QueryResult unaware_leaders(PostgresConnection& connection, std::uint64_t epoch,
                            std::chrono::milliseconds lease_lasts) {
  return connection.query(std::string(sql::unaware_leaders),
                          {std::to_string(epoch), std::to_string(lease_lasts.count())});
}

}  // namespace

std::optional<Epoch> CatalogStore::begin_epoch(std::shared_ptr<Lease> lease, std::chrono::milliseconds lease_lasts) {
  lease_ = nullptr;
  bool installed = with_connection([](PostgresConnection& connection) {
    // Of an earlier version it has fewer columns, and is brought up to date like one that is not there.
    return connection
        .query(
            "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('_echodb.leaders') "
            "AND attname = 'stopped_at')")
        .boolean(0, 0);
  });
  if (!installed) return std::nullopt;
  Epoch epoch;
  try {
    in_transaction([&](PostgresConnection& connection) {
      connection.execute("UPDATE _echodb.leaders SET deposed_at = clock_timestamp() WHERE deposed_at IS NULL");
      QueryResult before = connection.query(
          "SELECT worker, resigned_at IS NOT NULL, epoch FROM _echodb.leaders ORDER BY epoch DESC LIMIT 1");
      if (before.rows() > 0) {
        epoch = {.number = before.number(0, 2),
                 .predecessor = std::string(before.text(0, 0)),
                 .resigned = before.boolean(0, 1)};
      }
      ++epoch.number;
      connection.query(
          "INSERT INTO _echodb.leaders (epoch, worker, server_started_at) VALUES ($1, $2, pg_postmaster_start_time())",
          {std::to_string(epoch.number), worker_});
      epoch.unaware = unaware_leaders(connection, epoch.number, lease_lasts).text(0, 0);
      connection.query("DELETE FROM _echodb.leaders WHERE epoch + $2 < $1",
                       {std::to_string(epoch.number), std::to_string(kEpochsKept)});
      lease->expect();
    });
  } catch (const Error& error) {
    if (error.code() == ErrorCode::SourceBusy) end_frozen_writes();
    throw;
  }
  epoch_ = epoch.number;
  lease_ = std::move(lease);
  return epoch;
}

/// A leader that froze in the middle of a write keeps its row locked.
void CatalogStore::end_frozen_writes() {
  with_connection([](PostgresConnection& connection) {
    connection.query(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE relation = '_echodb.leaders'::regclass AND granted "
        "AND mode = 'RowExclusiveLock' AND pid <> pg_backend_pid()");
  });
}

bool CatalogStore::have_predecessors_stopped(std::chrono::milliseconds lease_lasts) {
  return with_connection([&](PostgresConnection& connection) {
    QueryResult unaware = unaware_leaders(connection, epoch_, lease_lasts);
    // A server that never had our epoch cannot tell.
    return unaware.rows() == 1 && unaware.is_null(0, 0);
  });
}

void CatalogStore::note_stopped(std::uint64_t epoch) {
  with_connection([&](PostgresConnection& connection) {
    // On a server that never had our row, another's epoch may have its number.
    connection.query("UPDATE _echodb.leaders SET stopped_at = clock_timestamp() WHERE epoch = $1 AND worker = $2",
                     {std::to_string(epoch), worker_});
  });
}

void CatalogStore::resign_epoch() {
  if (lease_ == nullptr) return;
  in_transaction([&](PostgresConnection& connection) {
    connection.query("UPDATE _echodb.leaders SET resigned_at = clock_timestamp() WHERE epoch = $1 AND worker = $2",
                     {std::to_string(epoch_), worker_});
  });
  lease_ = nullptr;
}

}  // namespace echodb
