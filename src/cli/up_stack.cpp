#include "cli/up_stack.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/log.h"
#include "base/secret.h"
#include "cli/child_words.h"
#include "cli/command_settings.h"
#include "cli/commands.h"
#include "cli/http_get.h"
#include "cli/own_servers.h"
#include "clickhouse/client.h"
#include "config/secret_variables.h"
#include "control/setup.h"
#include "control/slot_wait.h"
#include "embedded/chdb_server.h"
#include "embedded/port_check.h"
#include "postgres/libpq_variables.h"
#include "server/checker_endpoints.h"

namespace echodb {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLoopback = "127.0.0.1";
constexpr std::chrono::milliseconds kAskAgainAfter{50};
constexpr std::chrono::seconds kReadyWithin{120};
constexpr std::chrono::minutes kSetupWithin{10};

Settings with_private_hosts(Settings settings) {
  if (settings.postgres.host.empty()) settings.postgres.host = kLoopback;
  if (settings.clickhouse.host.empty()) settings.clickhouse.host = kLoopback;
  return settings;
}

std::map<std::string, std::string> child_environment(const Settings& given, const Variables& variables,
                                                     const fs::path& data_path) {
  auto environment = current_environment();
  for (const auto& [name, value] : variables) environment[name] = value;
  if (given.postgres.host.empty()) {
    environment["POSTGRES_HOST"] = kLoopback;
    // Meant for a server elsewhere; the private one speaks no TLS. A child reads `.env` itself, which these beat.
    for (const std::string& name : libpq_variables()) environment[name] = "";
  }
  if (given.clickhouse.host.empty()) environment["CLICKHOUSE_HOST"] = kLoopback;
  environment["ECHODB_DATA_DIR"] = data_path.string();
  std::erase_if(environment, [](const auto& variable) { return is_secret(variable.first); });
  return environment;
}

/// The embedded ClickHouse shows its environment to whoever reads /proc/self/environ in it.
bool is_for_clickhouse(const std::string& name) {
  constexpr std::array<std::string_view, 6> kNames{"PATH", "HOME", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH"};
  constexpr std::array<std::string_view, 9> kPrefixes{"LC_",          "ECHODB_",       "CLICKHOUSE_",
                                                      "LOG_",         "MALLOC_",       "ASAN_OPTIONS",
                                                      "TSAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"};
  return std::ranges::find(kNames, name) != kNames.end() ||
         std::ranges::any_of(kPrefixes, [&](std::string_view prefix) { return name.starts_with(prefix); });
}

/// What a child needs, and an empty text for the rest: a child reads `.env` itself, which these beat.
Variables child_secrets(const Settings& effective, const std::string& name) {
  Variables secrets;
  auto hand_over = [&](const char* variable, bool needed, const std::string& value) {
    secrets[variable] = needed ? value : std::string();
  };
  bool replicates = name != "clickhouse";
  hand_over("POSTGRES_PASSWORD", replicates, effective.postgres.password);
  hand_over("CLICKHOUSE_PASSWORD", true, effective.clickhouse.password);
  hand_over("REDIS_PASSWORD", replicates, effective.redis.password);
  hand_over("CONSISTENCY_CHECKER_TOKEN", name == "checker", effective.checker_token);
  return secrets;
}

/// What a child that ended during the start said itself, or else where to look.
Error child_failure(const ChildCommand& child, std::uintmax_t words_from, const ExitStatus& status) {
  std::string words = last_words(child.log_file, words_from);
  if (!words.empty()) return {ErrorCode::SystemFailure, words};
  return {ErrorCode::SystemFailure, fmt::format("{} ended while it was starting ({})", child.name, to_string(status)),
          "see " + child.log_file.string()};
}

}  // namespace

UpStack::UpStack(Options options, const StopSignals& stop)
    : given_(std::move(options.settings)),
      effective_(with_private_hosts(given_)),
      workers_(options.workers),
      accept_new_source_(options.accept_new_source),
      data_path_(fs::absolute(given_.data_dir).lexically_normal()),
      step_(std::move(options.step)),
      stop_(stop),
      supervisor_(std::move(options.notice)) {
  environment_ = child_environment(given_, options.variables, data_path_);
  running_ = {.variables = variables_for_others(options.variables), .workers = workers_};
}

std::uint16_t UpStack::worker_port(std::uint16_t index) const {
  return static_cast<std::uint16_t>(effective_.health_port + index);
}

std::string UpStack::worker_url(std::uint16_t index) const {
  return endpoint_url(effective_.health_host, worker_port(index));
}

std::vector<std::string> UpStack::worker_urls() const {
  std::vector<std::string> urls;
  for (std::uint16_t index = 0; index < workers_; ++index) urls.push_back(worker_url(index));
  return urls;
}

std::string UpStack::checker_url() const { return endpoint_url(effective_.checker_host, effective_.checker_port); }

void UpStack::start() {
  require_checker_token(given_);
  if (private_postgres()) postgres_ = std::make_unique<LocalPostgres>(given_.postgres, data_path_);
  // Data that is there may have a server left from a killed run, which has its port: that one is ours to end.
  // Where there is no data, nothing is made before it is known that everything can be started.
  if (fs::exists(data_path_)) take_data_directory();
  expect_ports();
  if (!directory_) take_data_directory();
  mark_ = std::make_unique<RunningUpMark>(data_path_, running_);
  settle_passwords();
  if (given_.log_file.empty()) {
    log::configure({.level = given_.log_level, .file = (log_directory() / "up.log").string()});
  }
  if (private_postgres()) start_postgres();
  if (embedded_clickhouse()) start_clickhouse();
  run_setup();
  for (std::uint16_t index = 0; index < workers_; ++index) start_worker(index);
  start_checker();
}

void UpStack::take_data_directory() {
  directory_ = std::make_unique<DataDirectory>(data_path_, stop_);
  if (postgres_) postgres_->stop_orphan(stop_);
}

/// Makes up the passwords of servers that are made now, and hands all to the children. A server that is there without
/// one was made by a version that knew none but `password`.
void UpStack::settle_passwords() {
  StoredCredentials stored = read_stored_credentials(data_path_);
  bool anything_new = false;
  auto settle = [&](auto& server, const char* folder, std::string& kept, std::string& made_up) {
    if (server.password_given) return;
    if (kept.empty() && !fs::exists(data_path_ / folder)) {
      kept = make_secret();
      anything_new = true;
    }
    if (!kept.empty()) server.password = made_up = kept;
  };
  if (private_postgres()) {
    settle(effective_.postgres, "postgres", stored.postgres_password, made_up_.postgres_password);
    postgres_->use_password(effective_.postgres.password);
  }
  if (embedded_clickhouse()) {
    settle(effective_.clickhouse, "clickhouse", stored.clickhouse_password, made_up_.clickhouse_password);
    effective_.clickhouse.socket = chdb_socket(data_path_ / "clickhouse").string();
    environment_["CLICKHOUSE_SOCKET"] = effective_.clickhouse.socket;
  }
  if (anything_new) write_stored_credentials(data_path_, stored);
}

std::vector<std::string> UpStack::warnings() const {
  std::vector<std::string> sentences;
  for (const Finding& finding : examine_own_passwords(given_)) {
    sentences.push_back(fmt::format("warning: {}\n    what to do: {}", finding.what, finding.remedy));
  }
  return sentences;
}

void UpStack::expect_ports() const {
  std::vector<PortClaim> claims;
  if (private_postgres()) {
    claims.push_back({"POSTGRES_PORT", "the private PostgreSQL", kLoopback, given_.postgres.port});
  }
  if (embedded_clickhouse()) {
    claims.push_back({"CLICKHOUSE_PORT", "the embedded ClickHouse", kLoopback, given_.clickhouse.port});
  }
  constexpr int kPortMax = 65535;
  if (given_.health_port + workers_ - 1 > kPortMax) {
    throw Error(ErrorCode::InvalidConfiguration,
                fmt::format("there are no {} ports from HEALTH_CHECK_PORT {} on", workers_, given_.health_port));
  }
  for (std::uint16_t index = 0; index < workers_; ++index) {
    claims.push_back({"HEALTH_CHECK_PORT", "the worker's health endpoints", given_.health_host, worker_port(index)});
  }
  claims.push_back({"CONSISTENCY_CHECKER_PORT", "the checker's endpoints", given_.checker_host, given_.checker_port});
  expect_free_ports(claims);
}

void UpStack::start_postgres() {
  step_(fmt::format("starting PostgreSQL {}", postgres_->major()));
  postgres_->create(directory_->children_lock(), stop_);
  ChildCommand server = postgres_->server_command();
  auto words_from = log_size(server.log_file);
  supervisor_.start(server, [this] { postgres_->stop_orphan(stop_); });
  postgres_->wait_until_ready([&] { expect_running(server, words_from); }, stop_);
  if (postgres_->create_databases()) {
    step_(fmt::format("made the database {} with the sample tables", given_.postgres.database));
  }
}

void UpStack::start_clickhouse() {
  step_("starting ClickHouse");
  const ClickHouseSettings settings = effective_.clickhouse.without_database();
  start_role(role("clickhouse"), [&] { return ClickHouseClient(settings).query("SELECT 1") == "1\n"; });
}

void UpStack::run_setup() {
  step_("preparing both databases");
  ChildCommand setup = role("setup");
  setup.command.emplace_back(kWithinUp);
  if (accept_new_source_) setup.command.emplace_back("--accept-new-source");
  auto words_from = log_size(setup.log_file);
  SlotWait wait(effective_.postgres, stream_names(effective_).slot, step_);
  ExitStatus status = run_to_end(setup, stop_, kSetupWithin);
  if (!status.clean()) throw child_failure(setup, words_from, status);
}

void UpStack::start_worker(std::uint16_t index) {
  step_(workers_ == 1 ? "starting the worker" : fmt::format("starting worker {} of {}", index + 1, workers_));
  start_role(worker(index), [&] {
    auto answer = http_get(worker_url(index) + "/health");
    return answer && answer->status == 200;
  });
}

/// Every worker has a name of its own, which it keeps when it is started again, and the port after the one before.
ChildCommand UpStack::worker(std::uint16_t index) const {
  ChildCommand child = role("worker");
  const std::string number = std::to_string(index + 1);
  std::string& id = child.environment["WORKER_ID"];
  if (id.empty()) id = given_.worker_id;
  if (id.empty()) {
    id = "worker-" + number;
  } else if (workers_ > 1) {
    id += "-" + number;
  }
  if (workers_ == 1) return child;
  child.environment["HEALTH_CHECK_PORT"] = std::to_string(worker_port(index));
  child.name = "worker-" + number;
  child.log_file = log_directory() / (child.name + ".log");
  child.environment["LOG_FILE"] = child.log_file.string();
  return child;
}

void UpStack::start_checker() {
  step_("starting the checker");
  start_role(role("checker"), [&] {
    auto answer = http_get(checker_url() + "/health");
    return answer && answer->status == 200;
  });
}

ChildCommand UpStack::role(const std::string& name) const {
  ChildCommand child;
  child.name = name;
  child.command = {fs::read_symlink("/proc/self/exe").string(), name};
  child.environment = environment_;
  if (name == "clickhouse") {
    std::erase_if(child.environment, [](const auto& variable) { return !is_for_clickhouse(variable.first); });
  }
  child.secrets = child_secrets(effective_, name);
  child.log_file = log_directory() / (name + ".log");
  // The child rotates its log itself; what it says outside of it, such as its last words, is appended there, too.
  child.environment["LOG_FILE"] = child.log_file.string();
  child.inherited_descriptors = {directory_->children_lock()};
  return child;
}

void UpStack::start_role(const ChildCommand& child, const std::function<bool()>& ready) {
  auto words_from = log_size(child.log_file);
  supervisor_.start(child);
  auto until = std::chrono::steady_clock::now() + kReadyWithin;
  while (true) {
    stop_.check();
    expect_running(child, words_from);
    try {
      if (ready()) return;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::TargetUnreachable) throw;
    }
    if (std::chrono::steady_clock::now() > until) {
      throw Error(ErrorCode::SystemFailure,
                  fmt::format("{} does not answer after {} s", child.name, kReadyWithin.count()),
                  "see " + child.log_file.string());
    }
    stop_.wait_for(kAskAgainAfter);
  }
}

void UpStack::expect_running(const ChildCommand& child, std::uintmax_t words_from) {
  if (auto status = supervisor_.ended(child.name)) throw child_failure(child, words_from, *status);
}

void UpStack::tend(std::chrono::milliseconds longest) {
  supervisor_.tend();
  stop_.wait_for(longest, supervisor_.descriptors());
}

}  // namespace echodb
