#include "cli/command_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include "base/failpoint.h"
#include "base/log.h"
#include "cli/own_servers.h"
#include "config/secret_variables.h"
#include "config/unknown_variables.h"
#include "embedded/running_up.h"
#include "postgres/libpq_variables.h"
#include "replication/type_choices.h"

namespace echodb {
namespace {

/// What is each process's own.
constexpr std::array<std::string_view, 5> kOfOneProcess{"ECHODB_DATA_DIR", "ECHODB_FAILPOINTS", "LOG_FILE", "LOG_LEVEL",
                                                        "WORKER_ID"};

/// Variables that say together where a server is, by the beginnings of their names.
struct ServerVariables {
  const char* host;
  std::array<std::string_view, 2> prefixes;
};
constexpr std::array<ServerVariables, 3> kServers{{{"POSTGRES_HOST", {"POSTGRES_", "PG"}},
                                                   {"CLICKHOUSE_HOST", {"CLICKHOUSE_", "CLICKHOUSE_"}},
                                                   {"REDIS_HOST", {"REDIS_", "REDIS_"}}}};

/// A server that this command is told to take in place of the one of `up` has a port and a name of its own, too.
void forget_other_servers(Variables& running, const Variables& own) {
  for (const ServerVariables& server : kServers) {
    auto given = own.find(server.host);
    if (given == own.end() || given->second == running[server.host]) continue;
    std::erase_if(running, [&](const auto& variable) {
      return std::ranges::any_of(server.prefixes,
                                 [&](std::string_view prefix) { return variable.first.starts_with(prefix); });
    });
  }
}

Variables merged(Variables less, const Variables& more) {
  for (const auto& [name, value] : more) less[name] = value;
  return less;
}

void say_what_has_no_effect(const Settings& settings, const Variables& env_file) {
  std::vector<std::string> sentences = describe_unknown_variables(env_file, libpq_variables());
  std::ranges::move(describe_overruled_variables(env_file), std::back_inserter(sentences));
  for (const std::string& sentence : sentences) {
    fmt::print(stderr, "warning: {}\n", sentence);
    if (!settings.log_file.empty()) log::warn("{}", sentence);
  }
}

}  // namespace

Settings gather_settings(const Variables& flags, BesideUp beside) {
  const Variables handed_over = take_handed_over_variables();
  const bool child_of_up = !handed_over.empty();
  const Variables env_file = read_env_file(".env");
  const Variables own = merged(merged(environment_variables(), handed_over), flags);
  Variables less = env_file;
  Settings settings = load_settings({less, own}, check_column_types);
  if (beside != BesideUp::IsUp && !child_of_up) {
    if (std::optional<RunningUp> running = find_running_up(settings.data_dir)) {
      forget_other_servers(running->variables, own);
      less = merged(less, running->variables);
      settings = load_settings({less, own}, check_column_types);
    }
  }
  hide_secrets_in_environment();
  if (settings.postgres.host.empty()) {
    clear_libpq_variables();
  } else {
    apply_libpq_variables(less);
  }
  log::configure({.level = settings.log_level, .file = settings.log_file});
  if (!child_of_up) say_what_has_no_effect(settings, env_file);
  switch_on_failpoints(settings.failpoints);
  if (beside == BesideUp::ReachesServers) reach_own_servers(settings);
  return settings;
}

Variables variables_for_others(const Variables& flags) {
  Variables variables = merged(merged(environment_variables(), libpq_variables_in_environment()), flags);
  std::erase_if(variables, [](const auto& variable) {
    return is_secret(variable.first) || std::ranges::find(kOfOneProcess, variable.first) != kOfOneProcess.end();
  });
  return variables;
}

}  // namespace echodb
