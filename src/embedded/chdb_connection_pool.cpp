#include "embedded/chdb_connection_pool.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "clickhouse/client.h"

namespace echodb {

std::string set_statement(const ConnectionSettings& settings) {
  std::string statement = "SET ";
  for (const auto& [name, value] : settings) {
    statement.append(quote_identifier(name)).append(" = ").append(quote_literal(value)).append(", ");
  }
  statement.resize(statement.size() - 2);
  return statement;
}

ChdbConnectionPool::ChdbConnectionPool(const ChdbLibrary& library, std::vector<std::string> arguments)
    : library_(library), arguments_(std::move(arguments)), control_(library_, arguments_) {}

std::unique_ptr<ChdbConnection> ChdbConnectionPool::take(const ConnectionState& state) {
  if (auto connection = take_idle(state)) return connection;
  auto connection = std::make_unique<ChdbConnection>(library_, arguments_);
  connection->query("USE " + quote_identifier(state.database));
  if (!state.settings.empty()) connection->query(set_statement(state.settings));
  return connection;
}

std::unique_ptr<ChdbConnection> ChdbConnectionPool::take_idle(const ConnectionState& state) {
  MutexLock lock(mutex_);
  auto found = std::ranges::find(idle_, state, &Idle::state);
  if (found == idle_.end()) return nullptr;
  auto connection = std::move(found->connection);
  idle_.erase(found);
  return connection;
}

void ChdbConnectionPool::give_back(ConnectionState state, std::unique_ptr<ChdbConnection> connection) {
  std::list<Idle> closed;  // after the lock is let go of
  MutexLock lock(mutex_);
  idle_.push_front({std::move(state), std::move(connection)});
  if (idle_.size() > kIdleMax) closed.splice(closed.begin(), idle_, std::prev(idle_.end()));
}

std::string ChdbConnectionPool::control(std::string_view sql) {
  MutexLock lock(control_mutex_);
  return std::string(control_.query(sql).text());
}

}  // namespace echodb
