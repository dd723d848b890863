#include "postgres/lsn.h"

#include <fmt/format.h>

#include <charconv>

#include "base/error.h"

namespace echodb {
namespace {

std::uint32_t parse_half(std::string_view text) {
  std::uint32_t value = 0;
  auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (fault != std::errc() || end != text.data() + text.size()) {
    throw Error(ErrorCode::ProtocolViolation, fmt::format("'{}' is not part of a log position", text));
  }
  return value;
}

}  // namespace

std::string to_string(Lsn lsn) { return fmt::format("{:X}/{:X}", lsn.value >> 32, lsn.value & 0xFFFFFFFF); }

Lsn parse_lsn(std::string_view text) {
  auto slash = text.find('/');
  if (slash == std::string_view::npos) {
    throw Error(ErrorCode::ProtocolViolation, fmt::format("'{}' is not a log position", text));
  }
  std::uint64_t high = parse_half(text.substr(0, slash));
  return Lsn{high << 32 | parse_half(text.substr(slash + 1))};
}

}  // namespace echodb
