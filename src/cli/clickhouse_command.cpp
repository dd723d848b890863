#include "cli/clickhouse_command.h"

#include <filesystem>

#include "base/log.h"
#include "embedded/chdb_server.h"
#include "embedded/stored_credentials.h"

namespace echodb {

namespace {

/// In a directory of `echodb up` the one that it made up.
std::string password_of(const Settings& settings) {
  if (settings.clickhouse.password_given) return settings.clickhouse.password;
  std::string made_up = read_stored_credentials(settings.data_dir).clickhouse_password;
  if (!made_up.empty()) return made_up;
  log::warn("CLICKHOUSE_PASSWORD is not set: whoever reaches this ClickHouse gets in with the password `{}`",
            settings.clickhouse.password);
  return settings.clickhouse.password;
}

}  // namespace

int clickhouse_command(const Settings& settings) {
  const auto& clickhouse = settings.clickhouse;
  run_chdb_server({.host = clickhouse.host.empty() ? "127.0.0.1" : clickhouse.host,
                   .port = clickhouse.port,
                   .user = clickhouse.user,
                   .password = password_of(settings),
                   .database = clickhouse.database,
                   .directory = (std::filesystem::path(settings.data_dir) / "clickhouse").string(),
                   .library = settings.chdb_library,
                   .log_file = settings.log_file,
                   .allowed_hosts = settings.allowed_hosts,
                   .allowed_origins = settings.allowed_origins});
}

}  // namespace echodb
