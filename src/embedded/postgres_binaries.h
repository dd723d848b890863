#pragma once

#include <filesystem>
#include <optional>

namespace echodb {

/// Where one installed PostgreSQL keeps its programs.
struct PostgresBinaries {
  std::filesystem::path directory;
  int major = 0;

  [[nodiscard]] std::filesystem::path initdb() const { return directory / "initdb"; }
  [[nodiscard]] std::filesystem::path postgres() const { return directory / "postgres"; }
};

/// The oldest PostgreSQL whose logical decoding we can use.
inline constexpr int kPostgresMajorMin = 13;

/// The system's PostgreSQL server: the newest one, or exactly `major`, which data that already exists demands.
/// Looks in Debian's directories, then asks pg_config, then PATH. Throws Error(MissingBinary) with the package.
PostgresBinaries find_postgres_binaries(std::optional<int> major);

}  // namespace echodb
