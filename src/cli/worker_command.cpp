#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "base/log.h"
#include "cli/commands.h"
#include "control/worker.h"
#include "embedded/stop_signals.h"
#include "server/health.h"

namespace echodb {
namespace {

using namespace std::chrono_literals;
constexpr auto kLookInterval = 1s;

std::string generated_worker_id() {
  char host[256] = "worker";
  gethostname(host, sizeof host - 1);
  return fmt::format("{}-{}", host, getpid());
}

}  // namespace

int worker_command(const Settings& given) {
  Settings settings = given;
  if (settings.worker_id.empty()) settings.worker_id = generated_worker_id();
  // A server that went away while it is written to is an error where that happens, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  StopSignals signals;
  StatusBoard board;
  HealthEndpoints health({.host = settings.health_host,
                          .port = settings.health_port,
                          .worker_id = settings.worker_id,
                          .source_peer = settings.source_peer,
                          .target_peer = settings.target_peer,
                          .allowed_hosts = settings.allowed_hosts,
                          .allowed_origins = settings.allowed_origins},
                         [&] { return board.get(); });
  std::exception_ptr failure;
  std::stop_source ended;
  std::jthread worker([&](std::stop_token stop) {
    try {
      run_worker(settings, board, stop);
    } catch (...) {
      failure = std::current_exception();
    }
    ended.request_stop();
  });
  while (!signals.requested() && !ended.stop_requested()) signals.wait_for(kLookInterval);
  worker.request_stop();
  worker.join();
  if (failure) std::rethrow_exception(failure);
  log::info("stopped");
  return 0;
}

}  // namespace echodb
