#include "columns/whole_number.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "columns/value_errors.h"
#include "columns/via_text.h"
#include "columns/wide_integer.h"

namespace echodb {
namespace {

enum class Signed { No, Yes };

/// The lowest `Width` bytes of a 256-bit integer, two's complement, little-endian.
template <std::size_t Width, Signed Sign>
struct WholeNumberCodec {
  using Value = std::array<std::byte, Width>;
  static constexpr int kBits = Width * 8;

  Value from_text(std::string_view text) const {
    if (text == "NaN" || text == "Infinity" || text == "-Infinity") refuse("numeric NaN or infinity");
    const bool negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    const auto point = text.find('.');
    const std::string_view whole = text.substr(0, point);
    const std::string_view fraction = point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
    if (whole.empty() && fraction.empty()) malformed_value("number");
    UInt256 magnitude;
    for (char digit : whole) {
      if (digit < '0' || digit > '9') malformed_value("number");
      if (magnitude.multiply_add(10, static_cast<std::uint32_t>(digit - '0')) != 0) refuse("number out of range");
    }
    if (fraction.find_first_not_of("0123456789") != std::string_view::npos) malformed_value("number");
    if (fraction.find_first_not_of('0') != std::string_view::npos) refuse("number with a fraction");
    if (!fits(magnitude, negative)) refuse("number out of range");
    if (negative) magnitude.negate();
    Value value;
    std::memcpy(value.data(), magnitude.limbs.data(), Width);
    return value;
  }

  void to_text(Value value, std::string& out) const {
    const bool negative = Sign == Signed::Yes && (value.back() & std::byte{0x80}) != std::byte{0};
    UInt256 magnitude;
    // The sign goes all the way up, so that the negation is right.
    if (negative) magnitude.limbs.fill(~std::uint64_t{0});
    std::memcpy(magnitude.limbs.data(), value.data(), Width);
    if (negative) {
      magnitude.negate();
      out += '-';
    }
    const auto start = static_cast<std::ptrdiff_t>(out.size());
    do {
      out += static_cast<char>('0' + magnitude.divide(10));
    } while (!magnitude.is_zero());
    std::reverse(out.begin() + start, out.end());
  }

 private:
  static bool fits(UInt256 magnitude, bool negative) {
    if (Sign == Signed::No) return magnitude.bit_width() <= kBits && (!negative || magnitude.is_zero());
    if (magnitude.bit_width() < kBits) return true;
    // -2^(bits - 1) is the one more that the negative side has.
    if (!negative) return false;
    UInt256 most;
    most.limbs[(kBits - 1) / 64] = std::uint64_t{1} << ((kBits - 1) % 64);
    return magnitude.limbs == most.limbs;
  }
  [[noreturn]] static void refuse(std::string_view what) {
    unsupported_value(what, (Sign == Signed::Yes ? "Int" : "UInt") + std::to_string(kBits));
  }
};

template <std::size_t Width>
std::unique_ptr<ColumnBuilder> with_sign(const TargetType& type) {
  return make_read_column<WholeNumberCodec<Width, Signed::Yes>>(type);
}
template <std::size_t Width>
std::unique_ptr<ColumnBuilder> without_sign(const TargetType& type) {
  return make_read_column<WholeNumberCodec<Width, Signed::No>>(type);
}

}  // namespace

std::unique_ptr<ColumnBuilder> make_whole_number_column(const TargetType& type) {
  switch (type.form) {
    case ValueForm::Int8: return with_sign<1>(type);
    case ValueForm::Int16: return with_sign<2>(type);
    case ValueForm::Int32: return with_sign<4>(type);
    case ValueForm::Int64: return with_sign<8>(type);
    case ValueForm::Int128: return with_sign<16>(type);
    case ValueForm::Int256: return with_sign<32>(type);
    case ValueForm::UInt8: return without_sign<1>(type);
    case ValueForm::UInt16: return without_sign<2>(type);
    case ValueForm::UInt32: return without_sign<4>(type);
    case ValueForm::UInt64: return without_sign<8>(type);
    case ValueForm::UInt128: return without_sign<16>(type);
    case ValueForm::UInt256: return without_sign<32>(type);
    default: assertion_failed("a whole number's form", __FILE__, __LINE__);
  }
}

}  // namespace echodb
