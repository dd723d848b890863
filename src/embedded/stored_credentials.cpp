#include "embedded/stored_credentials.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/error.h"
#include "config/settings.h"
#include "embedded/file_descriptor.h"

namespace echodb {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPostgres = "POSTGRES_PASSWORD";
constexpr const char* kClickHouse = "CLICKHOUSE_PASSWORD";

[[noreturn]] void fail(const fs::path& path) {
  throw Error(ErrorCode::SystemFailure, fmt::format("cannot write {}: {}", path.string(), std::strerror(errno)),
              "see that the data directory can be written and its disk has room");
}

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
  fs::path path = credentials_file(data_directory);
  fs::path unfinished = path.string() + ".new";
  // A crash may have left one; a link that somebody has put there is not followed.
  unlink(unfinished.c_str());
  FileDescriptor file(open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  std::string text = text_of(credentials);
  if (!file.open() || write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      fsync(file.get()) != 0 || rename(unfinished.c_str(), path.c_str()) != 0) {
    fail(path);
  }
  FileDescriptor directory(open(data_directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.open() || fsync(directory.get()) != 0) fail(path);
}

bool credentials_are_exposed(const fs::path& data_directory) {
  struct stat found {};
  return stat(credentials_file(data_directory).c_str(), &found) == 0 && (found.st_mode & (S_IRWXG | S_IRWXO)) != 0;
}

}  // namespace echodb
