#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace echodb {

/// PostgreSQL's binary numeric:
///   digits:int16 weight:int16 sign:uint16 display_scale:uint16 digit:int16{digits}
/// Digits are base 10000, the first one worth 10000^weight; trailing and leading zeros are stripped.
/// 1234567.89 is digits=3 weight=1 sign=0 display_scale=2: 123 4567 8900.
class NumericBinary {
 public:
  enum class Sign : std::uint16_t {
    Positive = 0x0000,
    Negative = 0x4000,
    NotANumber = 0xC000,
    PositiveInfinity = 0xD000,
    NegativeInfinity = 0xF000,
  };

  /// Throws Error(ProtocolViolation) when the bytes are not a numeric. Borrows them.
  explicit NumericBinary(Bytes value);

  [[nodiscard]] Sign sign() const { return sign_; }
  [[nodiscard]] bool finite() const { return sign_ == Sign::Positive || sign_ == Sign::Negative; }
  [[nodiscard]] int weight() const { return weight_; }
  [[nodiscard]] int display_scale() const { return display_scale_; }
  [[nodiscard]] int digit_count() const { return digit_count_; }
  /// 0…9999; `index` < digit_count().
  [[nodiscard]] std::uint32_t digit(int index) const {
    return load_big_endian<std::uint16_t>(digits_ + static_cast<std::ptrdiff_t>(index) * 2);
  }
  /// The digit worth 10000^power; 0 outside the digits that are there.
  [[nodiscard]] std::uint32_t digit_at(int power) const {
    int index = weight_ - power;
    return index >= 0 && index < digit_count_ ? digit(index) : 0;
  }

 private:
  const std::byte* digits_;
  int digit_count_;
  int weight_;
  int display_scale_;
  Sign sign_;
};

}  // namespace echodb
