#include <array>

#include "columns/render.h"
#include "columns/value_errors.h"

namespace echodb::render {
namespace {

constexpr std::uint8_t kFamilyIpv4 = 2;
constexpr std::uint8_t kFamilyIpv6 = 3;
constexpr std::size_t kWords = 8;

void print_ipv4(Scratch& scratch, Bytes address) {
  print(scratch, "{}.{}.{}.{}", std::to_integer<unsigned>(address[0]), std::to_integer<unsigned>(address[1]),
        std::to_integer<unsigned>(address[2]), std::to_integer<unsigned>(address[3]));
}

struct Zeros {
  std::size_t first = kWords;
  std::size_t count = 0;
};

/// The longest run of two zeros or more, the first of several; it is printed as "::".
Zeros longest_zeros(const std::array<std::uint16_t, kWords>& words) {
  Zeros longest;
  for (std::size_t first = 0; first < kWords; ++first) {
    std::size_t count = 0;
    while (first + count < kWords && words[first + count] == 0) ++count;
    if (count > longest.count && count > 1) longest = {first, count};
  }
  return longest;
}

void print_ipv6(Scratch& scratch, Bytes address) {
  std::array<std::uint16_t, kWords> words{};
  for (std::size_t word = 0; word < kWords; ++word) {
    words[word] = load_big_endian<std::uint16_t>(address.data() + word * 2);
  }
  const Zeros zeros = longest_zeros(words);
  // An IPv4 address inside an IPv6 one, ::1.2.3.4 and ::ffff:1.2.3.4.
  const bool embeds_ipv4 = zeros.first == 0 && (zeros.count == 6 || (zeros.count == 5 && words[5] == 0xFFFF));
  for (std::size_t word = 0; word < kWords; ++word) {
    if (word >= zeros.first && word < zeros.first + zeros.count) {
      if (word == zeros.first) scratch.push_back(':');
      continue;
    }
    if (word != 0) scratch.push_back(':');
    if (word == 6 && embeds_ipv4) return print_ipv4(scratch, address.subspan(12));
    print(scratch, "{:x}", words[word]);
  }
  if (zeros.first + zeros.count == kWords && zeros.count != 0) scratch.push_back(':');
}

}  // namespace

// family:uint8 bits:uint8 is_cidr:uint8 size:uint8 address:byte{size}
std::string_view inet(Bytes value, Scratch& scratch) {
  constexpr std::size_t kHeaderBytes = 4;
  if (value.size() < kHeaderBytes) malformed_value("inet");
  const auto family = std::to_integer<std::uint8_t>(value[0]);
  const auto bits = std::to_integer<unsigned>(value[1]);
  const bool is_cidr = value[2] != std::byte{0};
  const std::size_t size = family == kFamilyIpv4 ? 4 : 16;
  if ((family != kFamilyIpv4 && family != kFamilyIpv6) || value.size() != kHeaderBytes + size || bits > size * 8 ||
      std::to_integer<std::size_t>(value[3]) != size) {
    malformed_value("inet");
  }
  const Bytes address = value.subspan(kHeaderBytes);
  if (family == kFamilyIpv4) {
    print_ipv4(scratch, address);
  } else {
    print_ipv6(scratch, address);
  }
  if (is_cidr || bits != size * 8) print(scratch, "/{}", bits);
  return finished(scratch);
}

/// macaddr and macaddr8.
std::string_view macaddr(Bytes value, Scratch& scratch) {
  if (value.size() != 6 && value.size() != 8) malformed_value("macaddr");
  for (std::byte byte : value) {
    print(scratch, "{}{:02x}", scratch.size() == 0 ? "" : ":", std::to_integer<unsigned>(byte));
  }
  return finished(scratch);
}

}  // namespace echodb::render
