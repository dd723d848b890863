#include "columns/value_errors.h"

#include <fmt/format.h>

namespace echodb {

void malformed_value(std::string_view postgres_type) {
  throw Error(ErrorCode::ProtocolViolation, fmt::format("malformed value of type {}", postgres_type));
}

void unsupported_value(std::string_view what, std::string_view target) {
  throw Error(ErrorCode::UnsupportedValue, fmt::format("{} has no place in {}", what, target));
}

void refuse_null_element(std::string_view target) {
  throw Error(ErrorCode::UnsupportedValue, fmt::format("NULL among an array's elements has no place in {}", target))
      .with(kNeeds, kNeedsNullableElements);
}

void refuse_array(std::string_view what, std::string_view target) {
  throw Error(ErrorCode::UnsupportedValue, fmt::format("{} has no place in {}", what, target))
      .with(kNeeds, kNeedsVariant);
}

}  // namespace echodb
