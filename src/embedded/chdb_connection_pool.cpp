#include "embedded/chdb_connection_pool.h"

#include <utility>

#include "clickhouse/client.h"

namespace echodb {

ChdbConnectionPool::ChdbConnectionPool(const ChdbLibrary& library, std::vector<std::string> arguments)
    : library_(library), arguments_(std::move(arguments)), control_(library_, arguments_) {}

std::unique_ptr<ChdbConnection> ChdbConnectionPool::take(const std::string& database) {
  {
    std::lock_guard lock(mutex_);
    auto& idle = idle_[database];
    if (!idle.empty()) {
      auto connection = std::move(idle.back());
      idle.pop_back();
      return connection;
    }
  }
  auto connection = std::make_unique<ChdbConnection>(library_, arguments_);
  connection->query("USE " + quote_identifier(database));
  return connection;
}

void ChdbConnectionPool::give_back(const std::string& database, std::unique_ptr<ChdbConnection> connection) {
  std::lock_guard lock(mutex_);
  auto& idle = idle_[database];
  if (idle.size() < kIdlePerDatabaseMax) idle.push_back(std::move(connection));
}

std::string ChdbConnectionPool::control(std::string_view sql) {
  std::lock_guard lock(control_mutex_);
  return std::string(control_.query(sql).text());
}

}  // namespace echodb
