// Runs a stream from seeds: tests/sim/README.md.

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "sim/simulation.h"

namespace {

std::uint64_t current_seed = 0;

/// A fault of the engine's that ends the process names its seed as well.
void name_seed(int) {
  fmt::print(stderr, "seed {}: the process aborted\n", current_seed);
  std::_Exit(1);
}

}  // namespace

int main(int count, char** words) {
  CLI::App app("Runs a stream, its tables, copies and queues from seeds, in a world that refuses, delays and kills");
  std::uint64_t first = 1;
  std::uint64_t seeds = 1;
  std::vector<std::string> without;
  bool tells = false;
  bool goes_on = false;
  app.add_option("--seed", first, "the first one");
  app.add_option("--seeds", seeds, "how many, one after the other");
  app.add_option("--without", without, "leaves out: refused, busy, never_arrived, answer_lost, late, crash, strangers")
      ->delimiter(',');
  app.add_flag("--log", tells, "what the engine says");
  app.add_flag("--go-on", goes_on, "does not stop at the first finding");
  CLI11_PARSE(app, count, words);
  spdlog::set_level(tells ? spdlog::level::debug : spdlog::level::off);
  std::signal(SIGABRT, name_seed);

  const auto began = std::chrono::steady_clock::now();
  std::uint64_t failed = 0;
  std::uint64_t done = 0;
  for (; done < seeds && (failed == 0 || goes_on); ++done) {
    current_seed = first + done;
    const auto finding = echodb::sim::Simulation(current_seed, without).run();
    if (!finding) continue;
    ++failed;
    fmt::print("seed {}: {}: {}\n", current_seed, finding->checker, finding->words);
    std::fflush(stdout);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  fmt::print("{} seeds, {} failed, {:.0f} a minute\n", done, failed, static_cast<double>(done) * 60 / took.count());
  return failed == 0 ? 0 : 1;
}
