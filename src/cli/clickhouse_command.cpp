#include "cli/clickhouse_command.h"

#include <filesystem>

#include "embedded/chdb_server.h"

namespace echodb {

int clickhouse_command(const Settings& settings) {
  const auto& clickhouse = settings.clickhouse;
  run_chdb_server({.host = clickhouse.host.empty() ? "127.0.0.1" : clickhouse.host,
                   .port = clickhouse.port,
                   .user = clickhouse.user,
                   .password = clickhouse.password,
                   .database = clickhouse.database,
                   .directory = (std::filesystem::path(settings.data_dir) / "clickhouse").string(),
                   .library = settings.chdb_library,
                   .log_file = settings.log_file,
                   .allowed_hosts = settings.allowed_hosts,
                   .allowed_origins = settings.allowed_origins});
}

}  // namespace echodb
