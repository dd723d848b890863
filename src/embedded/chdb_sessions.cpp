#include "embedded/chdb_sessions.h"

#include <utility>

#include "embedded/clickhouse_failure.h"

namespace echodb {

std::unique_ptr<ChdbConnection> ChdbSessions::take(const Request& request) {
  std::lock_guard lock(mutex_);
  drop_expired();
  auto found = sessions_.find(request.id);
  if (found == sessions_.end()) {
    if (request.must_exist) {
      throw clickhouse_failure(clickhouse_codes::kSessionNotFound, "Session " + request.id + " not found");
    }
    sessions_[request.id];
    return nullptr;
  }
  if (!found->second.connection) {
    throw clickhouse_failure(clickhouse_codes::kSessionIsLocked,
                             "Session " + request.id + " is locked by a concurrent client");
  }
  return std::exchange(found->second.connection, nullptr);
}

void ChdbSessions::give_back(const Request& request, std::unique_ptr<ChdbConnection> connection) {
  std::lock_guard lock(mutex_);
  sessions_[request.id] = {.connection = std::move(connection), .expires = Clock::now() + request.timeout};
}

void ChdbSessions::close(const Request& request) {
  std::lock_guard lock(mutex_);
  sessions_.erase(request.id);
}

void ChdbSessions::drop_expired() {
  auto now = Clock::now();
  std::erase_if(sessions_, [&](const auto& entry) { return entry.second.connection && entry.second.expires < now; });
}

}  // namespace echodb
