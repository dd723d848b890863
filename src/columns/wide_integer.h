#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace echodb {

__extension__ typedef unsigned __int128 UInt128;

/// The unsigned integer behind Decimal(39…76, s): four 64-bit limbs, the lowest first, as ClickHouse holds Int256.
struct UInt256 {
  std::array<std::uint64_t, 4> limbs{};

  /// this = this * factor + addend, modulo 2^256; returns what is lost above that, 0 for nothing.
  std::uint64_t multiply_add(std::uint32_t factor, std::uint32_t addend) {
    UInt128 carry = addend;
    for (std::uint64_t& limb : limbs) {
      carry += static_cast<UInt128>(limb) * factor;
      limb = static_cast<std::uint64_t>(carry);
      carry >>= 64;
    }
    return static_cast<std::uint64_t>(carry);
  }

  /// this = this / divisor; returns the remainder.
  std::uint32_t divide(std::uint32_t divisor) {
    UInt128 rest = 0;
    for (auto limb = limbs.rbegin(); limb != limbs.rend(); ++limb) {
      rest = rest << 64 | *limb;
      *limb = static_cast<std::uint64_t>(rest / divisor);
      rest %= divisor;
    }
    return static_cast<std::uint32_t>(rest);
  }

  [[nodiscard]] bool is_zero() const { return limbs == std::array<std::uint64_t, 4>{}; }
  /// Its highest bit, the sign in two's complement.
  [[nodiscard]] bool is_negative() const { return limbs[3] >> 63 != 0; }

  /// How many bits it takes; 0 for zero.
  [[nodiscard]] int bit_width() const {
    for (int limb = 3; limb >= 0; --limb) {
      const std::uint64_t value = limbs[static_cast<std::size_t>(limb)];
      if (value != 0) return limb * 64 + static_cast<int>(std::bit_width(value));
    }
    return 0;
  }

  /// Two's complement.
  void negate() {
    UInt128 carry = 1;
    for (std::uint64_t& limb : limbs) {
      carry += ~limb;
      limb = static_cast<std::uint64_t>(carry);
      carry >>= 64;
    }
  }
};

}  // namespace echodb
