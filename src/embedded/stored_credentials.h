#pragma once

#include <filesystem>
#include <string>

namespace echodb {

/// The passwords that `up` made up for the servers it starts, each empty where it made none. They are in
/// `<data directory>/credentials`: NAME=value lines, as `.env` has them, which only the user of `up` may read. A shell
/// can source it. The file is replaced as a whole, so a crash leaves the old one or the new one.
struct StoredCredentials {
  std::string postgres_password;
  std::string clickhouse_password;
};

std::filesystem::path credentials_file(const std::filesystem::path& data_directory);

/// Nothing where there is no file. Throws Error(InvalidConfiguration) when it cannot be read.
StoredCredentials read_stored_credentials(const std::filesystem::path& data_directory);

/// Returns when they are on disk. Throws Error(SystemFailure).
void write_stored_credentials(const std::filesystem::path& data_directory, const StoredCredentials& credentials);

/// Whether others than its owner may read the file.
bool credentials_are_exposed(const std::filesystem::path& data_directory);

}  // namespace echodb
