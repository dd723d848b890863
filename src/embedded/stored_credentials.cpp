#include "embedded/stored_credentials.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "config/settings.h"
#include "embedded/replaced_file.h"

namespace echodb {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPostgres = "POSTGRES_PASSWORD";
constexpr const char* kClickHouse = "CLICKHOUSE_PASSWORD";

std::string text_of(const StoredCredentials& credentials) {
  std::string text =
      "# Passwords that `echodb up` made up for the servers it starts here. Settings of yours beat them.\n";
  for (const auto& [name, password] :
       {std::pair(kPostgres, credentials.postgres_password), std::pair(kClickHouse, credentials.clickhouse_password)}) {
    if (!password.empty()) text += fmt::format("{}={}\n", name, password);
  }
  return text;
}

}  // namespace

fs::path credentials_file(const fs::path& data_directory) { return data_directory / "credentials"; }

StoredCredentials read_stored_credentials(const fs::path& data_directory) {
  fs::path path = credentials_file(data_directory);
  if (access(path.c_str(), R_OK) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return {};
    throw Error(ErrorCode::InvalidConfiguration, fmt::format("cannot read {}: {}", path.string(), std::strerror(errno)),
                "run this as the user who started `echodb up`, or set POSTGRES_PASSWORD and CLICKHOUSE_PASSWORD");
  }
  Variables variables = read_env_file(path.string());
  return {.postgres_password = variables[kPostgres], .clickhouse_password = variables[kClickHouse]};
}

void write_stored_credentials(const fs::path& data_directory, const StoredCredentials& credentials) {
  replace_file(credentials_file(data_directory), {.text = text_of(credentials)});
}

bool credentials_are_exposed(const fs::path& data_directory) {
  struct stat found {};
  return stat(credentials_file(data_directory).c_str(), &found) == 0 && (found.st_mode & (S_IRWXG | S_IRWXO)) != 0;
}

}  // namespace echodb
