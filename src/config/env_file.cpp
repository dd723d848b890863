#include <fmt/format.h>

#include <fstream>

#include "base/error.h"
#include "config/settings.h"

namespace echodb {
namespace {

constexpr const char* kBlanks = " \t\r";

std::string trimmed(std::string text) {
  text.erase(0, text.find_first_not_of(kBlanks));
  text.erase(text.find_last_not_of(kBlanks) + 1);
  return text;
}

/// The value after `=`: quoted text as it stands, otherwise up to a blank and `#`.
std::string parse_value(std::string text) {
  text = trimmed(std::move(text));
  if (!text.empty() && (text.front() == '"' || text.front() == '\'')) {
    auto close = text.find(text.front(), 1);
    if (close != std::string::npos) return text.substr(1, close - 1);
  }
  auto comment = text.find(" #");
  return trimmed(text.substr(0, comment));
}

}  // namespace

Variables read_env_file(const std::string& path) {
  Variables variables;
  std::ifstream file(path);
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    line = trimmed(std::move(line));
    if (line.empty() || line.front() == '#') continue;
    if (line.starts_with("export ")) line = trimmed(line.substr(7));
    auto equals = line.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw Error(ErrorCode::InvalidConfiguration, fmt::format("{}:{}: not a NAME=value line", path, number));
    }
    variables[trimmed(line.substr(0, equals))] = parse_value(line.substr(equals + 1));
  }
  return variables;
}

}  // namespace echodb
