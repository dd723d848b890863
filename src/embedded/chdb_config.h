#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace echodb {

/// Where the embedded server keeps its things, all below one directory.
struct ChdbDirectories {
  explicit ChdbDirectories(const std::filesystem::path& root)
      : storage(root / "storage"), config(root / "config"), work(root / "work") {}
  std::filesystem::path storage;  ///< libchdb's
  std::filesystem::path config;   ///< written anew at each start
  std::filesystem::path work;     ///< the process's working directory, empty but for files without a name
};

/// Makes the directories, readable for this user only, and writes the configuration. Throws Error(SystemFailure).
void prepare_chdb_directories(const ChdbDirectories& directories);

/// The arguments of every connection.
std::vector<std::string> chdb_arguments(const ChdbDirectories& directories);

/// The engines that a table may have. Every other one is refused, whatever a later version of ClickHouse brings.
std::span<const std::string_view> served_table_engines();

}  // namespace echodb
