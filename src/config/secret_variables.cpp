#include "config/secret_variables.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "base/error.h"

namespace echodb {
namespace {

constexpr std::array<std::string_view, 7> kSecrets{
    "POSTGRES_PASSWORD",         "PGPASSWORD",      "CLICKHOUSE_PASSWORD",    "REDIS_PASSWORD",
    "CONSISTENCY_CHECKER_TOKEN", "PEERDB_PASSWORD", "PEERDB_CATALOG_PASSWORD"};

[[noreturn]] void refuse_handed_over(std::string_view what) {
  throw Error(ErrorCode::InvalidConfiguration, fmt::format("{}: {}", kHandedOverVariable, what),
              fmt::format("unset {}: only `echodb up` sets it, for its children", kHandedOverVariable));
}

std::string read_to_end(int descriptor) {
  std::string text;
  std::array<char, 4096> buffer{};
  while (true) {
    ssize_t count = read(descriptor, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) refuse_handed_over(std::strerror(errno));
    if (count == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

Variables read_variables(std::string_view text) {
  Variables variables;
  while (!text.empty()) {
    auto end = text.find('\0');
    auto equals = text.find('=');
    if (end == std::string_view::npos || equals == 0 || equals > end) refuse_handed_over("no NAME=value");
    variables[std::string(text.substr(0, equals))] = text.substr(equals + 1, end - equals - 1);
    text.remove_prefix(end + 1);
  }
  return variables;
}

}  // namespace

bool is_secret(std::string_view name) { return std::ranges::find(kSecrets, name) != kSecrets.end(); }

std::string write_variables(const Variables& variables) {
  std::string text;
  for (const auto& [name, value] : variables) text.append(name).append("=").append(value).push_back('\0');
  return text;
}

Variables take_handed_over_variables() {
  const char* named = std::getenv(kHandedOverVariable);
  if (named == nullptr) return {};
  int descriptor = -1;
  auto [end, failure] = std::from_chars(named, named + std::strlen(named), descriptor);
  if (failure != std::errc() || *end != '\0' || descriptor <= STDERR_FILENO) refuse_handed_over("no descriptor");
  unsetenv(kHandedOverVariable);
  std::string text = read_to_end(descriptor);
  close(descriptor);
  Variables variables = read_variables(text);
  explicit_bzero(text.data(), text.size());
  return variables;
}

void hide_secrets_in_environment() {
  for (char** entry = environ; *entry != nullptr; ++entry) {
    char* equals = std::strchr(*entry, '=');
    if (equals == nullptr || !is_secret({*entry, equals})) continue;
    explicit_bzero(equals + 1, std::strlen(equals + 1));
  }
  for (std::string_view name : kSecrets) unsetenv(name.data());
}

void hide_secrets_in_arguments(int argc, char** argv, const Variables& given) {
  for (const auto& [name, value] : given) {
    if (!is_secret(name) || value.empty()) continue;
    for (int index = 1; index < argc; ++index) {
      std::string_view argument(argv[index]);
      if (argument != value && !argument.ends_with("=" + value)) continue;
      std::memset(argv[index] + argument.size() - value.size(), '*', value.size());
    }
  }
}

}  // namespace echodb
