#include "postgres/libpq_variables.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <string_view>

namespace echodb {
namespace {

/// A variable of libpq and the setting that is taken in its place; none: our sessions set what it is about themselves.
struct Overruled {
  std::string_view variable;
  std::string_view setting;
};
constexpr std::array<Overruled, 13> kOverruled{{{"PGHOST", "POSTGRES_HOST"},
                                                {"PGPORT", "POSTGRES_PORT"},
                                                {"PGUSER", "POSTGRES_USER"},
                                                {"PGPASSWORD", "POSTGRES_PASSWORD"},
                                                {"PGPASSFILE", "POSTGRES_PASSWORD"},
                                                {"PGDATABASE", "POSTGRES_DB"},
                                                {"PGOPTIONS", ""},
                                                {"PGAPPNAME", ""},
                                                {"PGCLIENTENCODING", ""},
                                                {"PGCONNECT_TIMEOUT", ""},
                                                // libpq sends these after our options, and the last one counts.
                                                {"PGDATESTYLE", ""},
                                                {"PGTZ", ""},
                                                {"PGGEQO", ""}}};

/// Read by libpq without being options of a connection.
constexpr std::array<const char*, 3> kBesideOptions{"PGSERVICEFILE", "PGSYSCONFDIR", "PGLOCALEDIR"};

bool is_overruled(std::string_view name) {
  return std::ranges::find(kOverruled, name, &Overruled::variable) != kOverruled.end();
}

std::vector<std::string> ask_libpq() {
  std::vector<std::string> names(kBesideOptions.begin(), kBesideOptions.end());
  for (const Overruled& each : kOverruled) names.emplace_back(each.variable);
  // Unlike the defaults, an empty connection string needs no service file.
  std::unique_ptr<PQconninfoOption, void (*)(PQconninfoOption*)> options(PQconninfoParse("", nullptr), &PQconninfoFree);
  for (PQconninfoOption* option = options.get(); option != nullptr && option->keyword != nullptr; ++option) {
    if (option->envvar != nullptr && !is_overruled(option->envvar)) names.emplace_back(option->envvar);
  }
  return names;
}

}  // namespace

const std::vector<std::string>& libpq_variables() {
  static const std::vector<std::string> kNames = ask_libpq();
  return kNames;
}

void apply_libpq_variables(const Variables& less_than_environment) {
  for (const std::string& name : libpq_variables()) {
    const char* present = std::getenv(name.c_str());
    auto found = less_than_environment.find(name);
    std::string value = present != nullptr                     ? present
                        : found != less_than_environment.end() ? found->second
                                                               : std::string();
    if (value.empty() || is_overruled(name)) {
      unsetenv(name.c_str());
    } else {
      setenv(name.c_str(), value.c_str(), 1);
    }
  }
}

void clear_libpq_variables() {
  for (const std::string& name : libpq_variables()) unsetenv(name.c_str());
}

Variables libpq_variables_in_environment() {
  Variables variables;
  for (const std::string& name : libpq_variables()) {
    const char* value = std::getenv(name.c_str());
    if (value != nullptr && !is_overruled(name)) variables[name] = value;
  }
  return variables;
}

std::vector<std::string> describe_overruled_variables(const Variables& env_file) {
  std::vector<std::string> sentences;
  for (const auto& [variable, setting] : kOverruled) {
    if (!env_file.contains(std::string(variable))) continue;
    sentences.push_back(setting.empty()
                            ? fmt::format("{} in .env has no effect: EchoDB's sessions set this themselves", variable)
                            : fmt::format("{} in .env has no effect: set {} instead", variable, setting));
  }
  return sentences;
}

}  // namespace echodb
