#include "embedded/chdb_sessions.h"

#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "config/limits.h"
#include "embedded/clickhouse_failure.h"

namespace echodb {

std::unique_ptr<ChdbConnection> ChdbSessions::take(const Request& request) {
  drop_expired();
  Sessions closed;  // after the lock is let go of: to close a connection takes a moment
  MutexLock lock(mutex_);
  auto found = sessions_.find(request.id);
  if (found == sessions_.end()) {
    if (request.must_exist) {
      throw clickhouse_failure(clickhouse_codes::kSessionNotFound, "Session " + request.id + " not found");
    }
    closed = make_room();
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
  MutexLock lock(mutex_);
  auto now = Clock::now();
  sessions_[request.id] = {.connection = std::move(connection), .used = now, .expires = now + request.timeout};
}

void ChdbSessions::close(const Request& request) {
  MutexLock lock(mutex_);
  sessions_.erase(request.id);
}

void ChdbSessions::drop_expired() {
  Sessions closed;
  MutexLock lock(mutex_);
  closed = take_expired();
}

ChdbSessions::Sessions ChdbSessions::take_expired() {
  Sessions expired;
  auto now = Clock::now();
  for (auto at = sessions_.begin(); at != sessions_.end();) {
    auto next = std::next(at);
    if (at->second.connection && at->second.expires < now) expired.insert(sessions_.extract(at));
    at = next;
  }
  return expired;
}

ChdbSessions::Sessions ChdbSessions::make_room() {
  Sessions room;
  if (sessions_.size() < limits::kClickHouseSessionsMax) return room;
  auto oldest = sessions_.end();
  for (auto at = sessions_.begin(); at != sessions_.end(); ++at) {
    if (at->second.connection && (oldest == sessions_.end() || at->second.used < oldest->second.used)) oldest = at;
  }
  if (oldest == sessions_.end()) {
    throw clickhouse_failure(
        clickhouse_codes::kTooManySimultaneousQueries,
        fmt::format("Too many sessions: {} are at work, which is the most", limits::kClickHouseSessionsMax));
  }
  room.insert(sessions_.extract(oldest));
  return room;
}

}  // namespace echodb
