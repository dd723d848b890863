#include "columns/numeric_binary.h"

#include "columns/value_errors.h"

namespace echodb {
namespace {

constexpr std::size_t kHeaderBytes = 8;
constexpr std::uint32_t kDigitMax = 9999;

}  // namespace

NumericBinary::NumericBinary(Bytes value) {
  if (value.size() < kHeaderBytes) malformed_value("numeric");
  digit_count_ = load_big_endian<std::uint16_t>(value.data());
  weight_ = load_big_endian<std::int16_t>(value.data() + 2);
  sign_ = static_cast<Sign>(load_big_endian<std::uint16_t>(value.data() + 4));
  display_scale_ = load_big_endian<std::uint16_t>(value.data() + 6);
  digits_ = value.data() + kHeaderBytes;
  if (value.size() != kHeaderBytes + static_cast<std::size_t>(digit_count_) * 2) {
    malformed_value("numeric");
  }
  switch (sign_) {
    case Sign::Positive:
    case Sign::Negative:
    case Sign::NotANumber:
    case Sign::PositiveInfinity:
    case Sign::NegativeInfinity: break;
    default: malformed_value("numeric");
  }
  for (int index = 0; index < digit_count_; ++index) {
    if (digit(index) > kDigitMax) malformed_value("numeric");
  }
}

}  // namespace echodb
