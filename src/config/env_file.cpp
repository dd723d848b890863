#include <fmt/format.h>

#include <fstream>
#include <string_view>

#include "base/error.h"
#include "base/trimmed.h"
#include "config/settings.h"

namespace echodb {
namespace {

/// The value after `=`: quoted text as it stands, otherwise up to a blank and `#`.
std::string parse_value(std::string_view text) {
  text = trimmed(text);
  if (!text.empty() && (text.front() == '"' || text.front() == '\'')) {
    auto close = text.find(text.front(), 1);
    if (close != std::string_view::npos) return std::string(text.substr(1, close - 1));
  }
  return std::string(trimmed(text.substr(0, text.find(" #"))));
}

}  // namespace

Variables read_env_file(const std::string& path) {
  Variables variables;
  std::ifstream file(path);
  std::string whole;
  for (int number = 1; std::getline(file, whole); ++number) {
    std::string_view line = trimmed(whole);
    if (line.empty() || line.front() == '#') continue;
    if (line.starts_with("export ")) line = trimmed(line.substr(7));
    auto equals = line.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      throw Error(ErrorCode::InvalidConfiguration, fmt::format("{}:{}: not a NAME=value line", path, number));
    }
    variables[std::string(trimmed(line.substr(0, equals)))] = parse_value(line.substr(equals + 1));
  }
  return variables;
}

}  // namespace echodb
