#pragma once

#include <array>
#include <cstdint>

namespace echodb {

__extension__ typedef unsigned __int128 UInt128;

/// The unsigned integer behind Decimal(39…76, s): four 64-bit limbs, the lowest first, as ClickHouse holds Int256.
struct UInt256 {
  std::array<std::uint64_t, 4> limbs{};

  /// this = this * factor + addend, modulo 2^256.
  void multiply_add(std::uint32_t factor, std::uint32_t addend) {
    UInt128 carry = addend;
    for (std::uint64_t& limb : limbs) {
      carry += static_cast<UInt128>(limb) * factor;
      limb = static_cast<std::uint64_t>(carry);
      carry >>= 64;
    }
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
