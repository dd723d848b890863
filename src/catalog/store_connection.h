#pragma once

#include <string_view>
#include <utility>

#include "catalog/storable_text.h"
#include "catalog/store.h"

namespace echodb {

// How each of the store's calls gets through: for the files that implement them.

/// Read committed, whatever the database's default is: a row that a new leader has just changed is looked at again.
inline constexpr std::string_view kBeginWrite = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// A text that comes from nowhere in the source: an error's, a setting's. What the database cannot hold, it would
/// refuse again at each attempt.
inline std::string own_text(const PostgresConnection& connection, std::string_view text) {
  return storable_text(text, connection.server_encoding());
}

/// No transaction outlives the work that began it, at whatever statement that failed.
template <typename Work>
auto CatalogStore::on_connection(Work work) {
  if (!connection_) connect();
  try {
    return work(*connection_);
  } catch (const Error& error) {
    roll_back_after(error);
    throw;
  } catch (...) {
    connection_.reset();
    throw;
  }
}

template <typename Work>
auto CatalogStore::with_connection(Work work) {
  MutexLock lock(mutex_);
  return on_connection(std::move(work));
}

template <typename Work>
void CatalogStore::transact(Work work) {
  on_connection([&](PostgresConnection& connection) ECHODB_REQUIRES(mutex_) {
    begin_write(connection);
    work(connection);
    connection.execute("COMMIT");
  });
}

template <typename Work>
void CatalogStore::in_transaction(Work work) {
  MutexLock lock(mutex_);
  transact(std::move(work));
}

}  // namespace echodb
