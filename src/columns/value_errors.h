#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"

namespace echodb {

/// Throws Error(ProtocolViolation): bytes or text that the named PostgreSQL type cannot have produced.
[[noreturn]] void malformed_value(std::string_view postgres_type);

/// Throws Error(UnsupportedValue): "a <what> has no place in <target>". Never names the value itself.
[[noreturn]] void unsupported_value(std::string_view what, std::string_view target);

/// Binary forms of fixed width are checked once, before they are loaded.
inline void expect_width(Bytes value, std::size_t width, std::string_view postgres_type) {
  if (value.size() != width) malformed_value(postgres_type);
}

}  // namespace echodb
