#include "cli/smoke.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "cli/child_words.h"
#include "cli/http_get.h"
#include "cli/up_stack.h"
#include "clickhouse/client.h"
#include "embedded/port_check.h"
#include "postgres/connection.h"
#include "postgres/libpq_variables.h"

namespace echodb {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kStepWithin{60};
constexpr std::chrono::milliseconds kLookAgainAfter{20};
constexpr std::size_t kTailLines = 25;
constexpr std::array<const char*, 4> kSampleTables{"users", "products", "orders", "order_items"};
constexpr const char* kCreateTable =
    "CREATE TABLE public.test_table (id serial PRIMARY KEY, name text NOT NULL, created_at timestamp DEFAULT now());"
    "INSERT INTO public.test_table (name) VALUES ('Alice'), ('Bob'), ('Charlie')";

/// A directory of its own under the system's temporary one, removed at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (fs::temp_directory_path() / "echodb-smoke-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
      throw Error(ErrorCode::SystemFailure, "cannot make a temporary directory", "set TMPDIR to one you may write");
    }
    path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::array<std::uint16_t, 4> four_free_ports() {
  std::set<std::uint16_t> ports;
  while (ports.size() < 4) ports.insert(free_port());
  std::array<std::uint16_t, 4> all{};
  std::ranges::copy(ports, all.begin());
  return all;
}

/// Every documented default, said aloud: a `.env` or an environment of the person who tries must not matter.
Variables documented_defaults(const Settings& settings, const fs::path& data_directory) {
  Variables variables;
  for (const SettingDescription& setting : setting_descriptions()) variables[setting.name] = setting.default_value;
  // As at a first start of somebody who sets none.
  variables["POSTGRES_PASSWORD"] = variables["CLICKHOUSE_PASSWORD"] = "";
  auto [postgres, clickhouse, health, checker] = four_free_ports();
  variables["POSTGRES_PORT"] = std::to_string(postgres);
  variables["CLICKHOUSE_PORT"] = std::to_string(clickhouse);
  variables["HEALTH_CHECK_PORT"] = std::to_string(health);
  variables["CONSISTENCY_CHECKER_PORT"] = std::to_string(checker);
  variables["ECHODB_DATA_DIR"] = data_directory.string();
  variables["ECHODB_CHDB_LIBRARY"] = settings.chdb_library;
  return variables;
}

class SmokeRun {
 public:
  SmokeRun(const Variables& variables, const StopSignals& stop) : variables_(variables), stop_(stop) {}

  void run() {
    step("everything starts", [&] { start(); });
    step("/health and /ready answer", [&] { expect_healthy(); });
    step("no database postgres, no database default", [&] { expect_clean_databases(); });
    step("the event triggers are installed", [&] { expect_triggers(); });
    step("users, products, orders and order_items are in ClickHouse", [&] { expect_sample_tables(); });
    step("a new table appears with its three rows", [&] { create_test_table(); });
    step("the checker finds every table equal", [&] { expect_equal(); });
    step("everything stops", [&] { stop(); });
    step("everything starts again", [&] { start(); });
    step("a new row arrives, and nothing is lost or doubled", [&] { expect_continued(); });
    step("everything stops again, and the ports are free", [&] { stop(); });
  }

 private:
  void step(const char* claim, const std::function<void()>& check);
  void wait_until(const std::string& expectation, const std::function<std::string()>& observe);
  void start();
  void stop();
  void expect_healthy();
  void expect_clean_databases();
  void expect_triggers();
  void expect_sample_tables();
  void create_test_table();
  void expect_equal();
  void expect_continued();
  void expect_rows_in_target(const std::string& table);
  void expect_names_in_target(const std::string& names);

  std::string source(const std::string& sql) {
    PostgresConnection connection(stack_->settings().postgres, ConnectionKind::Ordinary);
    QueryResult result = connection.execute(sql);
    return result.rows() == 0 ? std::string() : std::string(result.text(0, 0));
  }
  std::string target(const std::string& sql) {
    ClickHouseSettings over_its_port = stack_->settings().clickhouse;
    over_its_port.socket.clear();
    std::string answer = ClickHouseClient(over_its_port).query(sql);
    answer.erase(answer.find_last_not_of('\n') + 1);
    return answer;
  }

  Variables variables_;
  const StopSignals& stop_;
  std::unique_ptr<UpStack> stack_;
  std::vector<std::string> unexpected_;
};

void SmokeRun::step(const char* claim, const std::function<void()>& check) {
  auto began = Clock::now();
  try {
    check();
    stop_.check();
    if (!unexpected_.empty()) throw Error(ErrorCode::SystemFailure, fmt::format("{}", fmt::join(unexpected_, "\n")));
  } catch (const Error& error) {
    fmt::print("  ✗ {}\n    {}\n", claim, error.what());
    throw;
  }
  fmt::print("  ✓ {} ({:.1f} s)\n", claim, std::chrono::duration<double>(Clock::now() - began).count());
  std::fflush(stdout);
}

/// Looks until what is observed is what is expected. A refusal of either server counts as an observation: the table
/// may not be there yet.
void SmokeRun::wait_until(const std::string& expectation, const std::function<std::string()>& observe) {
  auto until = Clock::now() + kStepWithin;
  while (true) {
    stop_.check();
    std::string seen;
    try {
      seen = observe();
    } catch (const Error& error) {
      seen = error.what();
    }
    if (seen == expectation) return;
    if (Clock::now() > until) {
      throw Error(ErrorCode::SystemFailure,
                  fmt::format("expected: {}\n    seen after {} s: {}", expectation, kStepWithin.count(), seen));
    }
    stack_->tend(kLookAgainAfter);
  }
}

void SmokeRun::start() {
  auto note = [this](const std::string& sentence) { unexpected_.push_back(sentence); };
  Settings settings = load_settings({variables_});
  stack_ = std::make_unique<UpStack>(
      UpStack::Options{.settings = settings, .variables = variables_, .step = [](const auto&) {}, .notice = note},
      stop_);
  stack_->start();
}

void SmokeRun::stop() {
  auto unclean = stack_->stop();
  stack_.reset();
  if (!unclean.empty()) throw Error(ErrorCode::SystemFailure, fmt::format("{}", fmt::join(unclean, "; ")));
  Settings settings = load_settings({variables_});
  expect_free_ports({{"POSTGRES_PORT", "PostgreSQL", "127.0.0.1", settings.postgres.port},
                     {"CLICKHOUSE_PORT", "ClickHouse", "127.0.0.1", settings.clickhouse.port},
                     {"HEALTH_CHECK_PORT", "the worker", settings.health_host, settings.health_port},
                     {"CONSISTENCY_CHECKER_PORT", "the checker", settings.checker_host, settings.checker_port}});
}

void SmokeRun::expect_healthy() {
  for (const char* path : {"/health", "/ready", "/metrics"}) {
    wait_until("200", [&] {
      auto answer = http_get(stack_->worker_url() + path);
      return answer ? std::to_string(answer->status) : std::string("no answer");
    });
  }
}

void SmokeRun::expect_clean_databases() {
  wait_until("echodb,template0,template1",
             [&] { return source("SELECT string_agg(datname, ',' ORDER BY datname) FROM pg_database"); });
  std::string databases = target("SHOW DATABASES");
  if (("\n" + databases + "\n").find("\ndefault\n") != std::string::npos) {
    throw Error(ErrorCode::SystemFailure, "SHOW DATABASES of ClickHouse lists default:\n" + databases);
  }
}

void SmokeRun::expect_triggers() {
  wait_until("peerdb_auto_mirror_drop_trigger,peerdb_auto_mirror_trigger", [&] {
    return source(
        "SELECT string_agg(evtname, ',' ORDER BY evtname) FROM pg_event_trigger WHERE evtname IN "
        "('peerdb_auto_mirror_trigger', 'peerdb_auto_mirror_drop_trigger')");
  });
}

void SmokeRun::expect_rows_in_target(const std::string& table) {
  std::string rows = source("SELECT count(*) FROM public." + table);
  wait_until(rows + " rows of " + table,
             [&] { return target("SELECT count() FROM " + table + " FINAL") + " rows of " + table; });
}

void SmokeRun::expect_sample_tables() {
  for (const char* table : kSampleTables) expect_rows_in_target(table);
}

void SmokeRun::expect_names_in_target(const std::string& names) {
  wait_until(names, [&] {
    return target(
        "SELECT arrayStringConcat(groupArray(name), ',') FROM (SELECT name FROM test_table FINAL ORDER BY id)");
  });
}

void SmokeRun::create_test_table() {
  source(kCreateTable);
  expect_names_in_target("Alice,Bob,Charlie");
}

void SmokeRun::expect_equal() {
  wait_until("all equal", [&]() -> std::string {
    auto answer = http_get(stack_->checker_url() + "/verify-all", kStepWithin);
    if (!answer || answer->status != 200) return "no answer";
    return nlohmann::json::parse(answer->body).at("match").get<bool>() ? "all equal" : answer->body;
  });
}

void SmokeRun::expect_continued() {
  source("INSERT INTO public.test_table (name) VALUES ('Dora')");
  expect_names_in_target("Alice,Bob,Charlie,Dora");
  expect_sample_tables();
}

}  // namespace

int smoke_command(const Settings& settings, const StopSignals& stop) {
  // Meant for a configured source, which this run has nothing to do with.
  clear_libpq_variables();
  TemporaryDirectory directory;
  fs::path data_directory = directory.path() / "data";
  fmt::print("EchoDB smoke test in {}\n", directory.path().string());
  try {
    SmokeRun(documented_defaults(settings, data_directory), stop).run();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::Stopped) fmt::print("\n{}\n", log_tails(data_directory / "log", kTailLines));
    fmt::print("the smoke test failed\n");
    return 1;
  }
  fmt::print("the smoke test passed\n");
  return 0;
}

}  // namespace echodb
