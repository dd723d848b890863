#include "columns/decimal.h"

#include <algorithm>
#include <type_traits>

#include "columns/numeric_binary.h"
#include "columns/value_errors.h"
#include "columns/via_text.h"
#include "columns/wide_integer.h"

namespace echodb {
namespace {

constexpr int kDigitsPerGroup = 4;
constexpr std::uint32_t kPowersOfTen[] = {1, 10, 100, 1000, 10000};

template <typename Magnitude>
void multiply_add(Magnitude& magnitude, std::uint32_t factor, std::uint32_t addend) {
  if constexpr (std::is_same_v<Magnitude, UInt256>) {
    magnitude.multiply_add(factor, addend);
  } else {
    magnitude = magnitude * factor + addend;
  }
}

/// Whether the stored integer, two's complement of its width, is negative; `magnitude` becomes its distance from zero.
template <typename Stored, typename Magnitude>
bool split_sign(Stored stored, Magnitude& magnitude) {
  if constexpr (std::is_same_v<Stored, UInt256>) {
    magnitude = stored;
    if (!stored.is_negative()) return false;
    magnitude.negate();
    return true;
  } else {
    constexpr unsigned kTopBit = sizeof(Stored) * 8 - 1;
    const bool negative = (stored >> kTopBit & 1) != 0;
    // Widening a signed integer carries its sign with it, so that the negation is right in the wider type too.
    magnitude = negative ? Magnitude{} - static_cast<Magnitude>(stored) : static_cast<Magnitude>(stored);
    return negative;
  }
}

template <typename Magnitude>
std::uint32_t divide(Magnitude& magnitude, std::uint32_t divisor) {
  if constexpr (std::is_same_v<Magnitude, UInt256>) {
    return magnitude.divide(divisor);
  } else {
    const auto rest = static_cast<std::uint32_t>(magnitude % divisor);
    magnitude /= divisor;
    return rest;
  }
}

template <typename Magnitude>
bool is_zero(const Magnitude& magnitude) {
  if constexpr (std::is_same_v<Magnitude, UInt256>) {
    return magnitude.is_zero();
  } else {
    return magnitude == 0;
  }
}

int decimal_digits(std::uint32_t group) { return group >= 1000 ? 4 : group >= 100 ? 3 : group >= 10 ? 2 : group > 0; }

/// `Stored` is the column's integer, `Magnitude` an unsigned one that holds 10^precision.
template <typename StoredValue, typename Magnitude>
struct DecimalCodec {
  using Value = StoredValue;
  int precision = 0;
  int scale = 0;

  Value from_binary(Bytes bytes) const {
    NumericBinary numeric(bytes);
    if (!numeric.finite()) refuse_special();
    if (numeric.digit_count() == 0) return Value{};
    // With the digits before the point bounded, nothing below can overflow.
    if (numeric.weight() * kDigitsPerGroup + decimal_digits(numeric.digit(0)) > precision - scale) refuse_magnitude();
    Magnitude magnitude{};
    const int whole_groups = scale / kDigitsPerGroup;
    for (int power = numeric.weight(); power >= -whole_groups; --power) {
      multiply_add(magnitude, kPowersOfTen[kDigitsPerGroup], numeric.digit_at(power));
    }
    const int rest = scale % kDigitsPerGroup;
    const std::uint32_t last = numeric.digit_at(-whole_groups - 1);
    const std::uint32_t cut = kPowersOfTen[kDigitsPerGroup - rest];
    multiply_add(magnitude, kPowersOfTen[rest], last / cut);
    if (last % cut != 0) refuse_scale();
    for (int power = -whole_groups - 2; power > numeric.weight() - numeric.digit_count(); --power) {
      if (numeric.digit_at(power) != 0) refuse_scale();
    }
    return signed_value(magnitude, numeric.sign() == NumericBinary::Sign::Negative);
  }

  Value from_text(std::string_view text) const {
    if (text == "NaN" || text == "Infinity" || text == "-Infinity") refuse_special();
    const bool negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    const auto point = text.find('.');
    std::string_view whole = text.substr(0, point);
    std::string_view fraction = point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
    if (whole.empty() && fraction.empty()) malformed_value("numeric");
    while (whole.starts_with('0')) whole.remove_prefix(1);
    while (fraction.ends_with('0')) fraction.remove_suffix(1);
    if (whole.size() > static_cast<std::size_t>(precision - scale)) refuse_magnitude();
    if (fraction.size() > static_cast<std::size_t>(scale)) refuse_scale();
    Magnitude magnitude{};
    append_digits(magnitude, whole);
    append_digits(magnitude, fraction);
    for (auto written = fraction.size(); written < static_cast<std::size_t>(scale); ++written) {
      multiply_add(magnitude, 10, 0);
    }
    return signed_value(magnitude, negative);
  }

  void to_text(Value value, std::string& out) const {
    Magnitude magnitude{};
    if (split_sign(value, magnitude)) out += '-';
    const std::size_t start = out.size();
    // From the last digit to the first, with at least one before the point.
    for (int place = 0; place <= scale || !is_zero(magnitude); ++place) {
      if (place == scale && scale > 0) out += '.';
      out += static_cast<char>('0' + divide(magnitude, 10));
    }
    std::reverse(out.begin() + static_cast<std::ptrdiff_t>(start), out.end());
  }

 private:
  static void append_digits(Magnitude& magnitude, std::string_view digits) {
    for (char digit : digits) {
      if (digit < '0' || digit > '9') malformed_value("numeric");
      multiply_add(magnitude, 10, static_cast<std::uint32_t>(digit - '0'));
    }
  }

  static Value signed_value(Magnitude magnitude, bool negative) {
    if constexpr (std::is_same_v<Magnitude, UInt256>) {
      if (negative) magnitude.negate();
      return magnitude;
    } else {
      return static_cast<Value>(negative ? Magnitude{} - magnitude : magnitude);
    }
  }

  [[nodiscard]] std::string target() const {
    return "Decimal(" + std::to_string(precision) + ", " + std::to_string(scale) + ")";
  }
  [[noreturn]] void refuse_special() const { unsupported_value("numeric NaN or infinity", target()); }
  [[noreturn]] void refuse_magnitude() const {
    unsupported_value("numeric with more digits before the point", target());
  }
  [[noreturn]] void refuse_scale() const { unsupported_value("numeric with more digits after the point", target()); }
};

template <typename StoredValue, typename Magnitude>
std::unique_ptr<ColumnBuilder> decimal(const TargetType& type) {
  return make_fixed_column(type,
                           DecimalCodec<StoredValue, Magnitude>{.precision = type.precision, .scale = type.scale});
}

}  // namespace

std::unique_ptr<ColumnBuilder> make_decimal_column(const TargetType& type) {
  ECHO_ASSERT(type.precision >= 1 && type.precision <= kDecimalPrecisionMax && type.scale <= type.precision);
  if (type.precision <= 9) return decimal<std::int32_t, std::uint64_t>(type);
  if (type.precision <= 18) return decimal<std::int64_t, std::uint64_t>(type);
  if (type.precision <= 38) return decimal<UInt128, UInt128>(type);
  return decimal<UInt256, UInt256>(type);
}

}  // namespace echodb
