// The part of CatalogStore for who leads: each leadership is an epoch, a row of _echodb.leaders.

#include <fmt/format.h>

#include <sstream>

#include "base/process_identity.h"
#include "catalog/open_epochs.sql.h"
#include "catalog/session_endings.h"
#include "catalog/store_connection.h"

namespace echodb {
namespace {

/// History enough to see who led when.
constexpr int kEpochsKept = 1000;
/// The lock passes from one session to the other while the server looks at one after the other.
constexpr int kLooksAtLock = 3;

/// The lock may be another server's than the catalog: of two hosts, each may take itself for the primary.
void require_lock(PostgresConnection& connection, const LeaderClaim& claim) {
  for (int look = 0; look < kLooksAtLock; ++look) {
    QueryResult held = connection.query(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'relation' AND granted AND mode = 'RowShareLock' "
        "AND relation = to_regclass('_echodb.leadership') "
        "AND pid IN (SELECT split_part(s, ' ', 1)::int FROM unnest($1::text[]) s) "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
        {to_array_text(claim.sessions)});
    if (held.boolean(0, 0)) return;
  }
  throw Error(ErrorCode::LeadershipLost, "the server that has the catalog does not know of the leader's lock");
}

OpenEpoch read_open_epoch(const QueryResult& found, std::size_t row) {
  OpenEpoch epoch{.number = found.number(row, 0),
                  .worker = std::string(found.text(row, 1)),
                  .process = std::string(found.text(row, 2)),
                  .sessions = {},
                  .direct = found.boolean(row, 4),
                  .has_sessions = found.boolean(row, 6),
                  .lease_lasts = std::chrono::milliseconds(found.number(row, 3))};
  std::istringstream sessions{std::string(found.text(row, 5))};
  for (std::string session; std::getline(sessions, session, ',');) epoch.sessions.push_back(session);
  return epoch;
}

}  // namespace

Epoch CatalogStore::store_epoch(PostgresConnection& connection, const LeaderClaim& claim) const {
  connection.execute("UPDATE _echodb.leaders SET deposed_at = clock_timestamp() WHERE deposed_at IS NULL");
  QueryResult before = connection.query(
      "SELECT worker, resigned_at IS NOT NULL, epoch FROM _echodb.leaders ORDER BY epoch DESC LIMIT 1");
  Epoch epoch;
  if (before.rows() > 0) {
    epoch = {
        .number = before.number(0, 2), .predecessor = std::string(before.text(0, 0)), .resigned = before.boolean(0, 1)};
  }
  ++epoch.number;
  connection.query(
      "INSERT INTO _echodb.leaders (epoch, worker, holder, process, lease_ms, sessions, direct) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7)",
      {std::to_string(epoch.number), worker_, process_token(), process_mark(),
       std::to_string(claim.lease_lasts.count()), to_array_text(claim.sessions), claim.direct ? "true" : "false"});
  connection.query("DELETE FROM _echodb.leaders WHERE epoch + $2 < $1",
                   {std::to_string(epoch.number), std::to_string(kEpochsKept)});
  return epoch;
}

/// Other threads' writes wait meanwhile. Until there is a new epoch they carry the earlier one, and fail if it is over.
std::optional<Epoch> CatalogStore::begin_epoch(std::shared_ptr<Lease> lease, const LeaderClaim& claim) {
  MutexLock lock(mutex_);
  bool installed = on_connection([](PostgresConnection& connection) {
    // Of an earlier version it has fewer columns, and is brought up to date like one that is not there.
    return connection
        .query(
            "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('_echodb.leaders') "
            "AND attname = 'direct')")
        .boolean(0, 0);
  });
  if (!installed) {
    lease_ = nullptr;
    return std::nullopt;
  }
  Epoch epoch;
  try {
    on_connection([&](PostgresConnection& connection) ECHODB_REQUIRES(mutex_) {
      connection.execute(std::string(kBeginWrite));
      epoch = store_epoch(connection, claim);
      require_lock(connection, claim);
      lease->expect();
      connection.execute("COMMIT");
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
  on_connection([](PostgresConnection& connection) {
    connection.query(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE relation = '_echodb.leaders'::regclass AND granted "
        "AND mode = 'RowExclusiveLock' AND pid <> pg_backend_pid()");
  });
}

OpenEpochs CatalogStore::open_epochs(std::chrono::milliseconds lease_lasts) {
  return with_connection([&](PostgresConnection& connection) ECHODB_REQUIRES(mutex_) {
    QueryResult found = connection.query(
        std::string(sql::open_epochs), {std::to_string(epoch_), process_token(), std::to_string(lease_lasts.count())});
    if (found.rows() == 0) {
      throw Error(ErrorCode::LeadershipLost, fmt::format("the server does not know of epoch {}", epoch_));
    }
    if (!found.boolean(0, 7)) {
      throw Error(ErrorCode::LeadershipLost, "the sessions with the leader's lock are gone");
    }
    OpenEpochs open;
    for (std::size_t row = 0; row < found.rows(); ++row) {
      if (!found.is_null(row, 0)) open.epochs.push_back(read_open_epoch(found, row));
    }
    // After the look at the sessions: one that is gone has been counted.
    if (!open.epochs.empty()) open.endings = session_endings(connection);
    return open;
  });
}

void CatalogStore::end_open_epochs() {
  in_transaction([&](PostgresConnection& connection) ECHODB_REQUIRES(mutex_) {
    connection.query(
        "UPDATE _echodb.leaders SET stopped_at = clock_timestamp() WHERE epoch < $1 AND resigned_at IS NULL "
        "AND stopped_at IS NULL",
        {std::to_string(epoch_)});
  });
}

void CatalogStore::note_stopped(std::uint64_t epoch) {
  with_connection([&](PostgresConnection& connection) {
    // On a server that never had our row, another's epoch may have its number.
    connection.query("UPDATE _echodb.leaders SET stopped_at = clock_timestamp() WHERE epoch = $1 AND holder = $2",
                     {std::to_string(epoch), process_token()});
  });
}

void CatalogStore::resign_epoch() {
  MutexLock lock(mutex_);
  if (lease_ == nullptr) return;
  transact([&](PostgresConnection& connection) ECHODB_REQUIRES(mutex_) {
    connection.query("UPDATE _echodb.leaders SET resigned_at = clock_timestamp() WHERE epoch = $1 AND holder = $2",
                     {std::to_string(epoch_), process_token()});
  });
  lease_ = nullptr;
}

}  // namespace echodb
