#include "embedded/chdb_server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <climits>
#include <csignal>
#include <filesystem>
#include <memory>
#include <span>

#include "base/error.h"
#include "base/log.h"
#include "config/limits.h"
#include "embedded/chdb_config.h"
#include "embedded/chdb_engine.h"
#include "embedded/clickhouse_routes.h"
#include "embedded/directory_watch.h"
#include "embedded/file_descriptor.h"
#include "embedded/file_sandbox.h"
#include "embedded/program_ban.h"
#include "embedded/stop_signals.h"

namespace echodb {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kFinishWithin{1000};
constexpr std::chrono::milliseconds kCancelWithin{2000};
/// How often the data directory is looked at.
constexpr std::chrono::seconds kLook{2};

std::string host_name() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return gethostname(name.data(), HOST_NAME_MAX) == 0 ? std::string(name.data()) : std::string("localhost");
}

/// libchdb adds what standard input holds to the rows of an INSERT.
void close_standard_input() {
  FileDescriptor null(open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (dup2(null.get(), STDIN_FILENO) < 0) throw Error(ErrorCode::SystemFailure, "cannot close the standard input");
}

void enter(const std::filesystem::path& directory) {
  if (chdir(directory.c_str()) != 0) {
    throw Error(ErrorCode::SystemFailure, fmt::format("cannot enter {}", directory.string()));
  }
}

void warn_of_what_is_open(bool files_confined, bool programs_forbidden) {
  if (!files_confined) {
    log::warn(
        "the kernel has no Landlock (Linux 5.19 and later): only ClickHouse's privileges keep the files of this "
        "machine from whoever has the password");
  }
  if (!programs_forbidden) {
    log::warn(
        "the kernel has no seccomp: only ClickHouse's privileges keep whoever has the password from running "
        "programs on this machine");
  }
}

/// What runs may finish for a moment, then it is cancelled. Nothing acknowledged depends on how this goes.
bool finish_requests(std::span<HttpServer* const> servers, ChdbEngine& engine) {
  auto all_idle_within = [&](Clock::duration longest) {
    auto until = Clock::now() + longest;
    return std::ranges::all_of(servers, [&](HttpServer* server) {
      auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
      return server->wait_until_idle(std::max(left, std::chrono::milliseconds(0)));
    });
  };
  if (all_idle_within(kFinishWithin)) return true;
  log::info("cancelling what still runs");
  engine.kill_all();
  return all_idle_within(kCancelWithin);
}

/// Until it is time to stop. What is there now is somebody else's: not a byte more is written, and whoever starts this
/// server again starts it with that.
void serve(const StopSignals& stop, const DirectoryWatch& watch) {
  while (!stop.requested()) {
    stop.wait_for(kLook);
    const std::filesystem::path replaced = watch.replaced();
    if (replaced.empty()) continue;
    log::error(
        "{} was moved, removed or replaced while ClickHouse had it open: the server ends, and begins anew with "
        "what is there",
        replaced.string());
    std::fflush(nullptr);
    _exit(1);
  }
}

}  // namespace

std::filesystem::path chdb_socket(const std::filesystem::path& directory) { return directory / "http.sock"; }

void run_chdb_server(const ChdbServerOptions& options) {
  StopSignals stop;
  std::signal(SIGPIPE, SIG_IGN);
  close_standard_input();
  const std::filesystem::path root = std::filesystem::absolute(options.directory);
  ChdbDirectories directories(root);
  prepare_chdb_directories(directories);
  std::string socket_path = chdb_socket(root).string();
  std::string library_path = find_chdb_library(options.library);
  bool confined =
      confine_files({.writable = {root, options.log_file}, .readable = {std::filesystem::path(library_path)}});
  bool programs_forbidden = forbid_programs();
  enter(directories.work);
  const DirectoryWatch watch({root, directories.storage});

  // None of these is destroyed: a query that does not end may still use them when the process does.
  auto* library = new ChdbLibrary(load_chdb_library(library_path));
  auto* engine = new ChdbEngine(*library, chdb_arguments(directories), options.database);
  auto* identity = new ClickHouseServerIdentity{
      .user = options.user, .password = options.password, .database = options.database, .display_name = host_name()};
  HttpServerOptions public_options{.host = options.host,
                                   .port = options.port,
                                   .port_variable = "CLICKHOUSE_PORT",
                                   .connections_max = limits::kClickHouseConnectionsMax,
                                   .allowed_hosts = options.allowed_hosts,
                                   .allowed_origins = options.allowed_origins};
  HttpServerOptions private_options = public_options;
  private_options.unix_socket = socket_path;
  auto* http = new HttpServer(std::move(public_options), clickhouse_handler(*engine, *identity));
  auto* own = new HttpServer(std::move(private_options), clickhouse_handler(*engine, *identity));
  std::array servers{own, http};
  log::info("ClickHouse {} (libchdb) serves http://{}:{}/ database={} user={} files={} programs={}", engine->version(),
            options.host, http->port(), options.database, options.user, confined ? "confined" : "not confined",
            programs_forbidden ? "forbidden" : "not forbidden");
  warn_of_what_is_open(confined, programs_forbidden);
  serve(stop, watch);

  log::info("stopping");
  for (HttpServer* server : servers) server->stop_accepting();
  if (finish_requests(servers, *engine)) {
    for (HttpServer* server : servers) delete server;
    delete engine;
  }
  log::info("stopped");
  std::fflush(nullptr);
  _exit(0);
}

}  // namespace echodb
