#include "embedded/orphaned_postgres.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <fstream>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/log.h"
#include "embedded/stop_signals.h"

namespace echodb {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kFastShutdownWithin{40};
constexpr std::chrono::seconds kImmediateShutdownWithin{10};
constexpr std::chrono::milliseconds kLookAgainAfter{50};

std::optional<pid_t> process_id(const fs::path& entry) {
  std::string name = entry.filename();
  pid_t pid = 0;
  auto [end, fault] = std::from_chars(name.data(), name.data() + name.size(), pid);
  if (fault != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return pid;
}

bool is_postgres(const fs::path& process) {
  std::error_code gone;
  std::string program = fs::read_symlink(process / "exe", gone).filename();
  // After an upgrade of the package the kernel calls the old program "postgres (deleted)".
  return !gone && (program == "postgres" || program == "postgres (deleted)");
}

/// The postmaster's id, on the first line of its pid file.
std::optional<pid_t> recorded_postmaster(const fs::path& directory) {
  std::ifstream file(directory / "postmaster.pid");
  pid_t pid = 0;
  if (!(file >> pid) || pid <= 0) return std::nullopt;
  return pid;
}

/// Sends the signal to the postmaster, which tells its children; to all of them when it is gone.
void signal_server(const fs::path& directory, const std::vector<pid_t>& alive, int signal) {
  auto postmaster = recorded_postmaster(directory);
  if (postmaster && std::ranges::find(alive, *postmaster) != alive.end()) {
    kill(*postmaster, signal);
    return;
  }
  for (pid_t pid : alive) kill(pid, signal == SIGINT ? SIGTERM : signal);
}

bool all_end_within(const fs::path& directory, std::chrono::seconds longest, const StopSignals& stop) {
  auto until = std::chrono::steady_clock::now() + longest;
  while (!postgres_processes_in(directory).empty()) {
    stop.check();
    if (std::chrono::steady_clock::now() > until) return false;
    stop.wait_for(kLookAgainAfter);
  }
  return true;
}

}  // namespace

std::vector<pid_t> postgres_processes_in(const fs::path& directory) {
  std::vector<pid_t> found;
  struct stat wanted {};
  if (stat(directory.c_str(), &wanted) != 0) return found;
  std::error_code failure;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc", failure)) {
    auto pid = process_id(entry.path());
    struct stat where {};
    if (!pid || stat((entry.path() / "cwd").c_str(), &where) != 0) continue;
    if (where.st_dev == wanted.st_dev && where.st_ino == wanted.st_ino && is_postgres(entry.path())) {
      found.push_back(*pid);
    }
  }
  return found;
}

void stop_orphaned_postgres(const fs::path& directory, const StopSignals& stop) {
  auto alive = postgres_processes_in(directory);
  if (!alive.empty()) {
    log::info("ending the PostgreSQL of an earlier run (processes {})", fmt::join(alive, ", "));
    signal_server(directory, alive, SIGINT);
    if (!all_end_within(directory, kFastShutdownWithin, stop)) {
      signal_server(directory, postgres_processes_in(directory), SIGQUIT);
    }
    if (!all_end_within(directory, kImmediateShutdownWithin, stop)) {
      throw Error(ErrorCode::SystemFailure,
                  fmt::format("a PostgreSQL of an earlier run does not end (processes {})",
                              fmt::join(postgres_processes_in(directory), ", ")),
                  "end these processes, then start again");
    }
  }
  std::error_code failure;
  fs::remove(directory / "postmaster.pid", failure);
  if (failure) {
    throw Error(ErrorCode::SystemFailure,
                fmt::format("cannot remove {}: {}", (directory / "postmaster.pid").string(), failure.message()));
  }
}

}  // namespace echodb
