#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"

namespace echodb {

/// Throws Error(ProtocolViolation): bytes or text that the named PostgreSQL type cannot have produced.
[[noreturn]] void malformed_value(std::string_view postgres_type);

/// Throws Error(UnsupportedValue): "a <what> has no place in <target>". Never names the value itself.
[[noreturn]] void unsupported_value(std::string_view what, std::string_view target);

/// The same of what another type for arrays would hold. The error's detail kNeeds says which.
[[noreturn]] void refuse_null_element(std::string_view target);
[[noreturn]] void refuse_array(std::string_view what, std::string_view target);
inline constexpr std::string_view kNeeds = "needs";
inline constexpr std::string_view kNeedsNullableElements = "nullable_elements";
inline constexpr std::string_view kNeedsVariant = "variant";

/// Binary forms of fixed width are checked once, before they are loaded.
inline void expect_width(Bytes value, std::size_t width, std::string_view postgres_type) {
  if (value.size() != width) malformed_value(postgres_type);
}

}  // namespace echodb
