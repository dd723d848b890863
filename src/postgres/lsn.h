#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace echodb {

/// A byte position in the source's write-ahead log. 0 means "none".
struct Lsn {
  std::uint64_t value = 0;

  auto operator<=>(const Lsn&) const = default;
  explicit operator bool() const { return value != 0; }
};

/// "16/B374D848", as PostgreSQL writes it.
std::string to_string(Lsn lsn);

/// Throws Error(ProtocolViolation) when the text is not an LSN.
Lsn parse_lsn(std::string_view text);

/// The object identifier of a relation or type. A struct of its own would help little: it is only ever a map key.
using Oid = std::uint32_t;
/// A 32-bit transaction id as the stream carries it; it wraps.
using Xid = std::uint32_t;

}  // namespace echodb
