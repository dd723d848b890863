#include "cli/own_servers.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include "embedded/chdb_server.h"
#include "embedded/stored_credentials.h"

namespace echodb {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLoopback = "127.0.0.1";

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

}  // namespace

void reach_own_servers(Settings& settings) {
  const fs::path data = settings.data_dir;
  PostgresSettings& postgres = settings.postgres;
  ClickHouseSettings& clickhouse = settings.clickhouse;
  postgres.host_assumed = postgres.host.empty();
  clickhouse.host_assumed = clickhouse.host.empty();
  // libpq would look for a socket, and whatever listens there.
  if (postgres.host_assumed) postgres.host = kLoopback;
  if (clickhouse.host_assumed) clickhouse.host = kLoopback;
  const bool own_postgres = postgres.host_assumed && is_there(data / "postgres");
  const bool own_clickhouse = clickhouse.host_assumed && is_there(data / "clickhouse");
  StoredCredentials stored;
  if ((own_postgres && !postgres.password_given) || (own_clickhouse && !clickhouse.password_given)) {
    stored = read_stored_credentials(data);
  }
  if (own_postgres && !postgres.password_given && !stored.postgres_password.empty()) {
    postgres.password = stored.postgres_password;
  }
  if (!own_clickhouse) return;
  if (!clickhouse.password_given && !stored.clickhouse_password.empty()) {
    clickhouse.password = stored.clickhouse_password;
  }
  const fs::path socket = chdb_socket(fs::absolute(data) / "clickhouse");
  if (clickhouse.socket.empty() && access(socket.c_str(), W_OK) == 0) clickhouse.socket = socket.string();
}

std::vector<Finding> examine_own_passwords(const Settings& settings) {
  fs::path data = settings.data_dir;
  Findings findings;
  StoredCredentials stored = read_stored_credentials(data);
  auto is_common = [&](const auto& server, const char* folder, const std::string& made_up) {
    bool ours = server.host.empty() || server.host == kLoopback;
    return ours && !server.password_given && made_up.empty() && is_there(data / folder);
  };
  constexpr const char* kKnown = "has the password `password` of earlier versions: everybody on this machine knows it";
  if (is_common(settings.postgres, "postgres", stored.postgres_password)) {
    findings.warning(
        fmt::format("the private PostgreSQL {}", kKnown),
        fmt::format("ALTER ROLE {} PASSWORD '…', then set POSTGRES_PASSWORD to the same", settings.postgres.user));
  }
  if (is_common(settings.clickhouse, "clickhouse", stored.clickhouse_password)) {
    findings.warning(fmt::format("the embedded ClickHouse {}", kKnown),
                     "set CLICKHOUSE_PASSWORD and start `echodb up` again");
  }
  const ClickHouseSettings& clickhouse = settings.clickhouse;
  if (clickhouse.password_given && !stored.clickhouse_password.empty() && is_there(data / "clickhouse") &&
      clickhouse.password != stored.clickhouse_password) {
    findings.warning(
        fmt::format("CLICKHOUSE_PASSWORD is set, and is not the password in {}: while a server has that one, "
                    "commands that go by the other do not get in",
                    credentials_file(data).string()),
        "unset it where it was left in a shell, or put it into .env for all commands");
  }
  if (credentials_are_exposed(data)) {
    findings.warning(fmt::format("others may read the passwords in {}", credentials_file(data).string()),
                     fmt::format("chmod 600 {}", credentials_file(data).string()));
  }
  return std::move(findings).worst_first();
}

}  // namespace echodb
