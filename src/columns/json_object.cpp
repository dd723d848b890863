#include "columns/json_object.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "columns/value_errors.h"

namespace echodb {
namespace {

using nlohmann::json;

constexpr std::string_view kTarget = "JSON";

/// A decimal number's digits without zeros at either end, and the power of ten of the last of them.
struct Digits {
  std::string digits;
  std::int64_t exponent = 0;
  bool operator==(const Digits&) const = default;
};

Digits digits_of(std::string_view number) {
  Digits found;
  bool after_point = false;
  for (std::size_t at = 0; at < number.size(); ++at) {
    if (number[at] == 'e' || number[at] == 'E') {
      std::string_view exponent = number.substr(at + 1);
      if (exponent.starts_with('+')) exponent.remove_prefix(1);
      std::int64_t power = 0;
      std::from_chars(exponent.data(), exponent.data() + exponent.size(), power);
      found.exponent += power;
      break;
    }
    if (number[at] == '.') after_point = true;
    if (number[at] < '0' || number[at] > '9') continue;
    if (after_point) --found.exponent;
    if (number[at] != '0' || !found.digits.empty()) found.digits.push_back(number[at]);
  }
  if (found.digits.empty()) return {};
  for (; found.digits.back() == '0'; found.digits.pop_back()) ++found.exponent;
  return found;
}

bool is_exact(double value, std::string_view text) {
  if (!std::isfinite(value)) return false;
  char shortest[64];
  const auto end = std::to_chars(std::begin(shortest), std::end(shortest), value, std::chars_format::scientific).ptr;
  return digits_of({shortest, end}) == digits_of(text);
}

/// nlohmann's events, of which only the ones matter that ClickHouse would refuse or change.
class Checker final : public nlohmann::json_sax<json> {
 public:
  bool null() override { return value(); }
  bool boolean(bool /*value*/) override { return value(); }
  bool number_integer(number_integer_t /*value*/) override { return value(); }
  bool number_unsigned(number_unsigned_t /*value*/) override { return value(); }
  // Integers beyond 64 bits come here too.
  bool number_float(number_float_t number, const string_t& text) override {
    const bool is_integer = text.find_first_of(".eE") == std::string::npos;
    if (is_integer || !is_exact(number, text)) {
      unsupported_value("json with a number that neither 64 bits nor a Float64 hold exactly", kTarget);
    }
    return value();
  }
  bool string(string_t& /*value*/) override { return value(); }
  bool binary(binary_t& /*value*/) override { return value(); }

  bool start_object(std::size_t /*elements*/) override {
    // An object in an array has paths of its own.
    const bool outermost = levels_.empty() || levels_.back().is_array;
    if (outermost) paths_.emplace_back();
    levels_.push_back({.is_array = false, .prefix = outermost ? std::string() : key_ + "."});
    return true;
  }
  bool key(string_t& name) override {
    key_ = levels_.back().prefix + name;
    if (!paths_.back().insert(key_).second) unsupported_value("json with the same path twice", kTarget);
    return true;
  }
  bool end_object() override {
    if (levels_.back().prefix.empty()) paths_.pop_back();
    levels_.pop_back();
    return true;
  }
  bool start_array(std::size_t /*elements*/) override {
    if (levels_.empty()) refuse_top();
    levels_.push_back({.is_array = true, .prefix = {}});
    return true;
  }
  bool end_array() override {
    levels_.pop_back();
    return true;
  }
  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& fault) override {
    // A number beyond every Float64 is well-formed; what PostgreSQL takes for JSON and others do not, too.
    if (dynamic_cast<const json::out_of_range*>(&fault) != nullptr) {
      unsupported_value("json with a number beyond every Float64", kTarget);
    }
    malformed_value("json");
  }

 private:
  struct Level {
    bool is_array;
    std::string prefix;  ///< of the names in this object, from the outermost object that is not inside an array
  };

  [[nodiscard]] bool value() const {
    if (levels_.empty()) refuse_top();
    return true;
  }
  [[noreturn]] static void refuse_top() { unsupported_value("json that is not an object", kTarget); }

  std::vector<Level> levels_;
  std::vector<std::set<std::string>> paths_;  ///< of each such outermost object that is open
  std::string key_;
};

}  // namespace

void expect_json_object(std::string_view text) {
  Checker checker;
  json::sax_parse(text, &checker);
}

}  // namespace echodb
