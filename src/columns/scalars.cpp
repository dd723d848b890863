#include "columns/scalars.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <concepts>
#include <iterator>

#include "columns/fixed_column.h"
#include "columns/value_errors.h"

namespace echodb {
namespace {

template <typename T>
T parse_number_text(std::string_view text, std::string_view postgres_type) {
  T value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) malformed_value(postgres_type);
  return value;
}

template <std::integral T>
struct IntegerCodec {
  using Value = T;
  Value from_binary(Bytes value) const {
    expect_width(value, sizeof(T), "integer");
    return load_big_endian<T>(value.data());
  }
  Value from_text(std::string_view value) const { return parse_number_text<T>(value, "integer"); }
  void to_text(Value value, std::string& out) const { fmt::format_to(std::back_inserter(out), "{}", value); }
};

/// NaN and the infinities exist on both sides and stay what they are, bit for bit.
template <std::floating_point T, std::unsigned_integral Bits>
struct FloatCodec {
  using Value = T;
  Value from_binary(Bytes value) const {
    expect_width(value, sizeof(T), "float");
    return std::bit_cast<T>(load_big_endian<Bits>(value.data()));
  }
  Value from_text(std::string_view value) const { return parse_number_text<T>(value, "float"); }
  /// The shortest digits that read as the same bits.
  void to_text(Value value, std::string& out) const {
    if (std::isnan(value)) {
      out += "NaN";
    } else {
      fmt::format_to(std::back_inserter(out), "{}", value);
    }
  }
};

struct BoolCodec {
  using Value = std::uint8_t;
  Value from_binary(Bytes value) const {
    expect_width(value, 1, "bool");
    return value[0] == std::byte{0} ? 0 : 1;
  }
  Value from_text(std::string_view value) const {
    if (value == "t" || value == "true") return 1;
    if (value == "f" || value == "false") return 0;
    malformed_value("bool");
  }
  void to_text(Value value, std::string& out) const { out += value == 0 ? 'f' : 't'; }
};

/// ClickHouse holds a UUID as two 64-bit halves, the high one first, each little-endian.
struct UuidCodec {
  struct Value {
    std::uint64_t high;
    std::uint64_t low;
  };
  static constexpr std::size_t kHexDigits = 32;

  Value from_binary(Bytes value) const {
    expect_width(value, sizeof(Value), "uuid");
    return {load_big_endian<std::uint64_t>(value.data()), load_big_endian<std::uint64_t>(value.data() + 8)};
  }
  Value from_text(std::string_view value) const {
    std::array<char, kHexDigits> digits;
    std::size_t count = 0;
    for (char character : value) {
      if (character == '-') continue;
      if (count == kHexDigits) malformed_value("uuid");
      digits[count++] = character;
    }
    if (count != kHexDigits) malformed_value("uuid");
    return {parse_half(digits.data()), parse_half(digits.data() + kHexDigits / 2)};
  }
  void to_text(Value value, std::string& out) const {
    fmt::format_to(std::back_inserter(out), "{:016x}{:016x}", value.high, value.low);
  }

 private:
  static std::uint64_t parse_half(const char* digits) {
    std::uint64_t half = 0;
    const char* end = digits + kHexDigits / 2;
    auto [stopped, error] = std::from_chars(digits, end, half, 16);
    if (error != std::errc{} || stopped != end) malformed_value("uuid");
    return half;
  }
};

template <typename Codec>
std::unique_ptr<ColumnBuilder> fixed(const TargetType& type) {
  return std::make_unique<FixedColumn<Codec>>(type.native_type, type.nullable);
}

}  // namespace

std::unique_ptr<ColumnBuilder> make_scalar_column(const TargetType& type) {
  switch (type.form) {
    case ValueForm::Bool: return fixed<BoolCodec>(type);
    case ValueForm::Int16: return fixed<IntegerCodec<std::int16_t>>(type);
    case ValueForm::Int32: return fixed<IntegerCodec<std::int32_t>>(type);
    case ValueForm::Int64: return fixed<IntegerCodec<std::int64_t>>(type);
    case ValueForm::UInt32: return fixed<IntegerCodec<std::uint32_t>>(type);
    case ValueForm::Float32: return fixed<FloatCodec<float, std::uint32_t>>(type);
    case ValueForm::Float64: return fixed<FloatCodec<double, std::uint64_t>>(type);
    case ValueForm::Uuid: return fixed<UuidCodec>(type);
    default: assertion_failed("a scalar form", __FILE__, __LINE__);
  }
}

}  // namespace echodb
