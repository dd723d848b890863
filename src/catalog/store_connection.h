#pragma once

#include "catalog/store.h"

namespace echodb {

// How each of the store's calls gets through: for the files that implement them.

template <typename Work>
auto CatalogStore::with_connection(Work work) {
  std::lock_guard lock(mutex_);
  if (!connection_) connect();
  try {
    return work(*connection_);
  } catch (const Error& error) {
    // A statement cut short by a stop leaves the connection in the middle of it.
    if (error.code() == ErrorCode::SourceUnreachable || error.code() == ErrorCode::Stopped) connection_.reset();
    throw;
  }
}

template <typename Work>
void CatalogStore::in_transaction(Work work) {
  with_connection([&](PostgresConnection& connection) {
    begin_write(connection);
    try {
      work(connection);
      connection.execute("COMMIT");
    } catch (const Error& error) {
      if (error.code() != ErrorCode::SourceUnreachable && error.code() != ErrorCode::Stopped) {
        connection.execute("ROLLBACK");
      }
      throw;
    }
  });
}

}  // namespace echodb
