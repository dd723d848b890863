#include "config/parse_values.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/trimmed.h"

namespace echodb {
namespace {

[[noreturn]] void refuse(const std::string& text, const std::string& expected) {
  throw Error(ErrorCode::InvalidConfiguration, fmt::format("'{}' is not {}", text, expected));
}

std::vector<std::string> parse_json_names(const std::string& text) {
  auto parsed = nlohmann::json::parse(text, nullptr, false);
  if (!parsed.is_array()) refuse(text, "a JSON array of names");
  std::vector<std::string> names;
  for (const auto& name : parsed) {
    if (!name.is_string()) refuse(text, "a JSON array of names");
    names.push_back(name.get<std::string>());
  }
  return names;
}

}  // namespace

std::uint64_t parse_number(const std::string& text, NumberRange range) {
  std::uint64_t value = 0;
  auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size() || value < range.least || value > range.most) {
    refuse(text, fmt::format("a whole number from {} to {}", range.least, range.most));
  }
  return value;
}

std::uint64_t parse_size(const std::string& text) {
  static const std::vector<std::pair<std::string, int>> kUnits{{"KB", 10}, {"MB", 20}, {"GB", 30},
                                                               {"TB", 40}, {"B", 0},   {"", 0}};
  constexpr double kMost = 1ULL << 60;
  double number = 0;
  auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view all = text;
  std::string unit(fault == std::errc() ? trimmed(all.substr(static_cast<std::size_t>(end - text.data()))) : all);
  std::ranges::transform(unit, unit.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  auto found = std::ranges::find(kUnits, unit, &std::pair<std::string, int>::first);
  if (fault != std::errc() || found == kUnits.end() || !(number >= 0)) {
    refuse(text, "a number of bytes, such as 1048576, 500MB, 50GB or 1TB");
  }
  double bytes = std::ldexp(number, found->second);
  if (bytes > kMost) refuse(text, "a number of bytes below 1024 PB");
  return static_cast<std::uint64_t>(bytes);
}

std::uint16_t parse_port(const std::string& text) { return static_cast<std::uint16_t>(parse_number(text, {1, 65535})); }

double parse_factor(const std::string& text) {
  double value = 0;
  auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size() || !std::isfinite(value) || value < 1) {
    refuse(text, "a number of at least 1");
  }
  return value;
}

std::chrono::milliseconds parse_seconds(const std::string& text) {
  double value = 0;
  auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  constexpr double kSecondsMax = 366.0 * 24 * 3600;
  if (fault != std::errc() || end != text.data() + text.size() || !(value >= 0 && value <= kSecondsMax)) {
    refuse(text, "a number of seconds");
  }
  return std::chrono::milliseconds(std::llround(value * 1000));
}

std::vector<std::string> parse_names(const std::string& text) {
  const std::string all(trimmed(text));
  std::vector<std::string> names;
  if (all.empty()) return names;
  if (all.front() == '[') return parse_json_names(all);
  for (std::size_t from = 0; from <= all.size();) {
    auto comma = std::min(all.find(',', from), all.size());
    names.emplace_back(trimmed(std::string_view(all).substr(from, comma - from)));
    if (names.back().empty()) refuse(text, "a list of names: one between two commas is empty");
    from = comma + 1;
  }
  return names;
}

std::size_t parse_choice(const std::string& text, const std::vector<std::string>& words) {
  std::string lower = text;
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  auto found = std::ranges::find(words, lower);
  if (found == words.end()) refuse(text, fmt::format("one of {}", fmt::join(words, ", ")));
  return static_cast<std::size_t>(found - words.begin());
}

std::vector<ColumnTypeRule> parse_column_types(const std::string& text) {
  const std::string form = "schema.table.column=Type, …";
  std::vector<ColumnTypeRule> rules;
  int depth = 0;
  std::string entry;
  auto finish = [&] {
    auto equals = entry.find('=');
    if (equals == std::string::npos) refuse(entry, form);
    const std::string_view whole = entry;
    ColumnTypeRule rule{.pattern = std::string(trimmed(whole.substr(0, equals))),
                        .type = std::string(trimmed(whole.substr(equals + 1)))};
    if (rule.type.empty() || std::ranges::count(rule.pattern, '.') < 2) refuse(entry, form);
    rules.push_back(std::move(rule));
    entry.clear();
  };
  if (trimmed(text).empty()) return rules;
  for (char c : text) {
    if (c == '(') ++depth;
    if (c == ')') --depth;
    if (c == ',' && depth == 0) {
      finish();
    } else {
      entry += c;
    }
  }
  finish();
  return rules;
}

std::vector<FailpointRule> parse_failpoints(const std::string& text) {
  constexpr NumberRange kPassages{.least = 1, .most = 1'000'000'000};
  std::vector<FailpointRule> rules;
  for (const std::string& entry : parse_names(text)) {
    auto equals = std::min(entry.find('='), entry.size());
    FailpointRule rule{.name = std::string(trimmed(std::string_view(entry).substr(0, equals)))};
    if (std::ranges::find(kFailpoints, rule.name) == kFailpoints.end()) {
      refuse(rule.name, fmt::format("one of {}", fmt::join(kFailpoints, ", ")));
    }
    if (equals < entry.size())
      rule.passage = parse_number(std::string(trimmed(std::string_view(entry).substr(equals + 1))), kPassages);
    rules.push_back(std::move(rule));
  }
  return rules;
}

}  // namespace echodb
