#include "embedded/postgres_binaries.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.h"

namespace echodb {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDebianDirectory = "/usr/lib/postgresql";

bool executable(const fs::path& file) { return access(file.c_str(), X_OK) == 0 && fs::is_regular_file(file); }

/// The first line a command prints; empty when it could not run.
std::string first_line_of(const std::string& command) {
  std::unique_ptr<FILE, int (*)(FILE*)> output(popen((command + " 2>/dev/null").c_str(), "r"), &pclose);
  std::array<char, 4096> line{};
  if (!output || std::fgets(line.data(), line.size(), output.get()) == nullptr) return {};
  std::string text(line.data());
  text.erase(text.find_last_not_of("\r\n") + 1);
  return text;
}

/// "postgres (PostgreSQL) 15.20 (Debian …)" → 15; 0 when it is something else.
int major_of(const fs::path& postgres) {
  std::string text = first_line_of("'" + postgres.string() + "' --version");
  auto digit = text.find_first_of("0123456789");
  int major = 0;
  if (digit != std::string::npos) std::from_chars(text.data() + digit, text.data() + text.size(), major);
  return major;
}

std::vector<fs::path> candidate_directories() {
  std::vector<fs::path> candidates;
  std::error_code absent;
  for (const fs::directory_entry& version : fs::directory_iterator(kDebianDirectory, absent)) {
    candidates.push_back(version.path() / "bin");
  }
  if (std::string reported = first_line_of("pg_config --bindir"); !reported.empty()) candidates.emplace_back(reported);
  const char* path = std::getenv("PATH");
  std::stringstream entries(path == nullptr ? "" : path);
  for (std::string entry; std::getline(entries, entry, ':');) {
    // Resolved: the server finds its libraries and time zones relative to where it really is.
    fs::path real = fs::weakly_canonical(fs::path(entry) / "postgres", absent);
    if (!entry.empty() && !absent) candidates.push_back(real.parent_path());
  }
  return candidates;
}

}  // namespace

PostgresBinaries find_postgres_binaries(std::optional<int> major) {
  PostgresBinaries best;
  for (const fs::path& directory : candidate_directories()) {
    PostgresBinaries found{directory, 0};
    if (!executable(found.initdb()) || !executable(found.postgres())) continue;
    found.major = major_of(found.postgres());
    bool wanted = major ? found.major == *major : found.major >= kPostgresMajorMin;
    if (wanted && found.major > best.major) best = found;
  }
  if (best.major != 0) return best;
  std::string what = major ? fmt::format("PostgreSQL {}, which made the data in ECHODB_DATA_DIR, is", *major)
                           : std::string("PostgreSQL's server programs (initdb, postgres) are");
  throw Error(
      ErrorCode::MissingBinary, what + " not installed on this machine",
      fmt::format("apt-get install postgresql-{}, or set POSTGRES_HOST to use a server you have", major.value_or(15)));
}

}  // namespace echodb
