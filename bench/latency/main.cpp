// How long after a commit in PostgreSQL is the row visible in ClickHouse, when nothing happened before?
//
// The program starts an `echodb up` of its own, then repeats: pause, commit one row, ask ClickHouse for it in a tight
// loop over one kept connection until it is there. The clock starts when PostgreSQL has acknowledged the commit and
// stops when the SELECT that found the row has returned. Everything shares this machine's processors, the asking too:
// the mean cost of one question is printed, it is the measure's resolution.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <functional>
#include <random>

#include "base/error.h"
#include "clickhouse/client.h"
#include "embedded/stop_signals.h"
#include "postgres/connection.h"
#include "report.h"
#include "stack.h"

namespace echodb {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kStartWithin = 120s;
constexpr auto kVisibleWithin = 30s;
constexpr auto kLookAgainAfter = 100ms;
constexpr int kWarmUpCommits = 20;

struct Options {
  std::string echodb = ECHODB_BINARY;
  std::string chdb_library;
  std::string json;
  int samples = 3;
  int commits = 60;
  int pause_ms = 300;
  int jitter_ms = 200;
};

double milliseconds(Clock::duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

/// Repeats what a server that is still starting refuses, until it succeeds.
void eventually(Stack& stack, const StopSignals& stop, const std::function<bool()>& attempt) {
  auto until = Clock::now() + kStartWithin;
  std::string last = "it has not happened";
  while (true) {
    stop.check();
    stack.expect_running();
    try {
      if (attempt()) return;
    } catch (const Error& error) {
      last = error.what();
    }
    if (Clock::now() > until) throw Error(ErrorCode::SystemFailure, "EchoDB did not start in time: " + last);
    stop.wait_for(kLookAgainAfter);
  }
}

class Probe {
 public:
  Probe(Stack& stack, const StopSignals& stop)
      : stack_(stack),
        stop_(stop),
        source_(stack.settings().postgres, ConnectionKind::Ordinary),
        target_(stack.settings().clickhouse) {
    source_.execute("CREATE TABLE latency_probe (id bigint PRIMARY KEY, note text NOT NULL)");
  }

  /// Waits for the table and its first rows, and makes every part of the way warm.
  void warm_up() {
    insert();
    eventually(stack_, stop_, [&] { return is_visible(); });
    for (int i = 0; i < kWarmUpCommits; ++i) measure(50ms);
  }

  Measurement measure(std::chrono::milliseconds pause) {
    stop_.wait_for(pause);
    stop_.check();
    auto sent = Clock::now();
    insert();
    auto committed = Clock::now();
    Measurement one{.commit_ms = milliseconds(committed - sent)};
    do {
      if (Clock::now() - committed > kVisibleWithin) {
        stack_.expect_running();
        throw Error(ErrorCode::SystemFailure,
                    fmt::format("row {} is not visible after {} s", id_, std::chrono::seconds(kVisibleWithin).count()));
      }
      ++one.polls;
    } while (!is_visible());
    one.visible_ms = milliseconds(Clock::now() - committed);
    return one;
  }

 private:
  void insert() {
    source_.query("INSERT INTO latency_probe VALUES ($1, 'a row of ordinary length')", {std::to_string(++id_)});
  }
  bool is_visible() {
    return target_.query(fmt::format("SELECT count() FROM latency_probe WHERE id = {}", id_)) == "1\n";
  }

  Stack& stack_;
  const StopSignals& stop_;
  PostgresConnection source_;
  ClickHouseClient target_;
  std::int64_t id_ = 0;
};

Sample take_sample(Probe& probe, const Options& options, std::mt19937& random) {
  std::uniform_int_distribution<int> pause_ms(options.pause_ms, options.pause_ms + options.jitter_ms);
  Sample sample;
  for (int i = 0; i < options.commits; ++i)
    sample.push_back(probe.measure(std::chrono::milliseconds(pause_ms(random))));
  return sample;
}

void run(const Options& options) {
  StopSignals stop;
  Stack stack(options.echodb, options.chdb_library);
  fmt::print("{} samples of {} single-row commits, each after {} to {} ms of silence\n", options.samples,
             options.commits, options.pause_ms, options.pause_ms + options.jitter_ms);
  std::fflush(stdout);
  std::unique_ptr<Probe> probe;
  eventually(stack, stop, [&] {
    probe = std::make_unique<Probe>(stack, stop);
    return true;
  });
  probe->warm_up();
  std::mt19937 random(std::random_device{}());
  std::vector<Sample> samples;
  for (int i = 0; i < options.samples; ++i) samples.push_back(take_sample(*probe, options, random));
  print_report(samples);
  if (!options.json.empty()) write_json(options.json, samples);
}

}  // namespace
}  // namespace echodb

int main(int count, char** arguments) {
  echodb::Options options;
  CLI::App app("Commit in PostgreSQL to visible in ClickHouse, one row after idleness");
  app.add_option("--samples", options.samples, "how often to repeat the measure")->check(CLI::PositiveNumber);
  app.add_option("--commits", options.commits, "commits of one sample")->check(CLI::PositiveNumber);
  app.add_option("--pause-ms", options.pause_ms, "silence before each commit, at the least")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--jitter-ms", options.jitter_ms, "up to so much more silence")->check(CLI::NonNegativeNumber);
  app.add_option("--json", options.json, "also write everything to this file");
  app.add_option("--echodb", options.echodb, "the program to measure")->check(CLI::ExistingFile);
  app.add_option("--chdb-library", options.chdb_library, "path of libchdb.so; unset: where script/bootstrap put it")
      ->envname("ECHODB_CHDB_LIBRARY");
  CLI11_PARSE(app, count, arguments);
  try {
    echodb::run(options);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "latency: {}\n", error.what());
    return 1;
  }
}
