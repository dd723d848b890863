#include "columns/float_text.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <limits>
#include <string_view>

#include "columns/wide_integer.h"

namespace echodb {
namespace {

/// digits * 10^exponent, without zeros at the end of the digits.
struct Shortest {
  std::uint64_t digits = 0;
  int exponent = 0;
};

Shortest parse_scientific(std::string_view text) {
  Shortest parsed;
  const std::size_t mark = text.find('e');
  std::string_view exponent = text.substr(mark + 1);
  if (exponent.starts_with('+')) exponent.remove_prefix(1);
  std::from_chars(exponent.data(), exponent.data() + exponent.size(), parsed.exponent);
  bool after_point = false;
  for (char character : text.substr(0, mark)) {
    if (character == '.') {
      after_point = true;
      continue;
    }
    parsed.digits = parsed.digits * 10 + static_cast<std::uint64_t>(character - '0');
    if (after_point) --parsed.exponent;
  }
  for (; parsed.digits % 10 == 0; parsed.digits /= 10) ++parsed.exponent;
  return parsed;
}

/// odd * 2^exponent, where `odd` is odd.
struct Binary {
  UInt128 odd;
  int exponent;
  bool operator==(const Binary&) const = default;
};

Binary normalised(UInt128 factor, int exponent) {
  for (; factor % 2 == 0; factor /= 2) ++exponent;
  return {factor, exponent};
}

/// Whether the decimal lies exactly between the value and one of its neighbours. Readers that do not round such a one
/// to even would take it for the neighbour, so PostgreSQL prints another digit.
template <typename Float>
bool is_midpoint(Float value, Shortest decimal) {
  // Beyond, no number of 17 digits is such a midpoint, and 5^25 times one still fits below.
  constexpr int kExponentMax = 25;
  if (std::abs(decimal.exponent) > kExponentMax) return false;
  constexpr int kMantissaBits = std::numeric_limits<Float>::digits;
  int exponent = 0;
  const auto mantissa = static_cast<std::uint64_t>(std::ldexp(std::frexp(std::abs(value), &exponent), kMantissaBits));
  exponent -= kMantissaBits;
  UInt128 power = 1;
  for (int five = 0; five < std::abs(decimal.exponent); ++five) power *= 5;
  const UInt128 left = decimal.exponent >= 0 ? UInt128{decimal.digits} * power : UInt128{decimal.digits};
  const UInt128 scale = decimal.exponent >= 0 ? 1 : power;
  const Binary wanted = normalised(left, decimal.exponent);
  return wanted == normalised((UInt128{mantissa} * 2 + 1) * scale, exponent - 1) ||
         wanted == normalised((UInt128{mantissa} * 2 - 1) * scale, exponent - 1);
}

template <typename Float>
Shortest shortest(Float value) {
  char text[64];
  const Float magnitude = std::abs(value);
  auto end = std::to_chars(std::begin(text), std::end(text), magnitude, std::chars_format::scientific).ptr;
  Shortest found = parse_scientific({text, end});
  for (int digits = 1; is_midpoint(value, found); ++digits) {
    end = std::to_chars(std::begin(text), std::end(text), magnitude, std::chars_format::scientific, digits).ptr;
    Float back{};
    std::from_chars(text, end, back);
    if (back == magnitude) found = parse_scientific({text, end});
  }
  return found;
}

template <typename Float>
void print(fmt::memory_buffer& out, Float value, int plain_below) {
  auto add = [&out]<typename... Arguments>(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    fmt::format_to(std::back_inserter(out), format, std::forward<Arguments>(arguments)...);
  };
  if (std::isnan(value)) return add("NaN");
  if (std::signbit(value)) out.push_back('-');
  if (std::isinf(value)) return add("Infinity");
  if (value == 0) return out.push_back('0');
  const Shortest number = shortest(value);
  const fmt::format_int text(number.digits);
  const std::string_view digits(text.data(), text.size());
  const int last = number.exponent;
  const int count = static_cast<int>(digits.size());
  const int first = last + count - 1;
  if (first < -4 || first >= plain_below) {
    add("{}{}{}e{}{:02}", digits[0], digits.size() > 1 ? "." : "", digits.substr(1), first < 0 ? '-' : '+',
        std::abs(first));
  } else if (first < 0) {
    add("0.{:0>{}}", digits, count - first - 1);
  } else if (last >= 0) {
    add("{:0<{}}", digits, count + last);
  } else {
    const std::size_t whole = static_cast<std::size_t>(first) + 1;
    add("{}.{}", digits.substr(0, whole), digits.substr(whole));
  }
}

}  // namespace

void print_float(fmt::memory_buffer& out, double value) { print(out, value, 15); }
void print_float(fmt::memory_buffer& out, float value) { print(out, value, 6); }

}  // namespace echodb
