// Runs a stream from seeds: tests/sim/README.md.

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "sim/simulation.h"

namespace {

/// A run that ends in a crash leaves behind whatever its fibers held, so no process runs more seeds than these.
constexpr std::uint64_t kSeedsPerProcess = 1000;

struct Choices {
  std::uint64_t first = 1;
  std::uint64_t seeds = 1;
  std::vector<std::string> without;
  bool tells = false;
  bool goes_on = false;
};

/// Written by the processes that run the seeds.
struct Tally {
  std::uint64_t done = 0;  ///< the one that is run now included
  std::uint64_t failed = 0;
};

Tally& shared_tally() {
  void* memory = mmap(nullptr, sizeof(Tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::runtime_error("no memory for the tally");
  return *new (memory) Tally;
}

void run_seeds(const Choices& choices, Tally& tally) {
  const std::uint64_t until = std::min(choices.seeds, tally.done + kSeedsPerProcess);
  while (tally.done < until && (tally.failed == 0 || choices.goes_on)) {
    const std::uint64_t seed = choices.first + tally.done++;
    const auto finding = echodb::sim::Simulation(seed, choices.without).run();
    if (!finding) continue;
    ++tally.failed;
    fmt::print("seed {}: {}: {}\n", seed, finding->checker, finding->words);
    std::fflush(stdout);
  }
}

/// A fault of the engine's that ends the process is a finding as well.
void run_in_process(const Choices& choices, Tally& tally) {
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("no process for the seeds");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    run_seeds(choices, tally);
    std::_Exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (status == 0) return;
  ++tally.failed;
  fmt::print("seed {}: the process ended with status {}\n", choices.first + tally.done - 1, status);
  std::fflush(stdout);
}

}  // namespace

int main(int count, char** words) {
  CLI::App app("Runs a stream, its tables, copies and queues from seeds, in a world that refuses, delays and kills");
  Choices choices;
  app.add_option("--seed", choices.first, "the first one");
  app.add_option("--seeds", choices.seeds, "how many, one after the other");
  app.add_option("--without", choices.without,
                 "leaves out: refused, busy, never_arrived, answer_lost, late, crash, strangers")
      ->delimiter(',');
  app.add_flag("--log", choices.tells, "what the engine says");
  app.add_flag("--go-on", choices.goes_on, "does not stop at the first finding");
  CLI11_PARSE(app, count, words);
  spdlog::set_level(choices.tells ? spdlog::level::debug : spdlog::level::off);

  const auto began = std::chrono::steady_clock::now();
  Tally& tally = shared_tally();
  while (tally.done < choices.seeds && (tally.failed == 0 || choices.goes_on)) run_in_process(choices, tally);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  fmt::print("{} seeds, {} failed, {:.0f} a minute\n", tally.done, tally.failed,
             static_cast<double>(tally.done) * 60 / took.count());
  return tally.failed == 0 ? 0 : 1;
}
