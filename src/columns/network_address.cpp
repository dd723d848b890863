#include "columns/network_address.h"

#include <arpa/inet.h>

#include <array>
#include <cstring>

#include "columns/value_errors.h"
#include "columns/via_text.h"

namespace echodb {
namespace {

constexpr std::size_t kMappedPrefixBytes = 12;
constexpr std::array<std::uint8_t, kMappedPrefixBytes> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

bool is_ipv6(std::string_view text) { return text.find(':') != std::string_view::npos; }

/// The address without a mask of all its bits.
std::string host(std::string_view text, std::string_view target) {
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos && text.substr(slash) != (is_ipv6(text) ? "/128" : "/32")) {
    unsupported_value("network of more than one address", target);
  }
  return std::string(text.substr(0, slash));
}

template <std::size_t Size>
std::array<std::uint8_t, Size> parsed(int family, const std::string& text) {
  std::array<std::uint8_t, Size> address{};
  if (inet_pton(family, text.c_str(), address.data()) != 1) malformed_value("inet");
  return address;
}

/// The number that the four bytes make.
struct Ipv4Codec {
  using Value = std::uint32_t;

  Value from_text(std::string_view text) const {
    if (is_ipv6(text)) unsupported_value("IPv6 address", "IPv4");
    const auto address = parsed<4>(AF_INET, host(text, "IPv4"));
    return load_big_endian<std::uint32_t>(std::as_bytes(std::span(address)).data());
  }
  void to_text(Value value, std::string& out) const {
    const in_addr address{.s_addr = htonl(value)};
    char text[INET_ADDRSTRLEN];
    out += inet_ntop(AF_INET, &address, text, sizeof(text));
  }
};

/// The sixteen bytes in the network's order.
struct Ipv6Codec {
  using Value = std::array<std::uint8_t, 16>;

  Value from_text(std::string_view text) const {
    const std::string address = host(text, "IPv6");
    Value value{};
    if (is_ipv6(text)) {
      value = parsed<16>(AF_INET6, address);
      if (is_mapped(value)) unsupported_value("IPv6 address that stands for an IPv4 address", "IPv6");
      return value;
    }
    std::memcpy(value.data(), kMappedPrefix.data(), kMappedPrefix.size());
    const auto mapped = parsed<4>(AF_INET, address);
    std::memcpy(value.data() + kMappedPrefixBytes, mapped.data(), mapped.size());
    return value;
  }
  void to_text(const Value& value, std::string& out) const {
    char text[INET6_ADDRSTRLEN];
    out += is_mapped(value) ? inet_ntop(AF_INET, value.data() + kMappedPrefixBytes, text, sizeof(text))
                            : inet_ntop(AF_INET6, value.data(), text, sizeof(text));
  }

 private:
  static bool is_mapped(const Value& value) {
    return std::memcmp(value.data(), kMappedPrefix.data(), kMappedPrefix.size()) == 0;
  }
};

}  // namespace

std::unique_ptr<ColumnBuilder> make_network_address_column(const TargetType& type) {
  if (type.form == ValueForm::Ipv4) return make_read_column<Ipv4Codec>(type);
  ECHO_ASSERT(type.form == ValueForm::Ipv6);
  return make_read_column<Ipv6Codec>(type);
}

}  // namespace echodb
