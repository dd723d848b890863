#pragma once

#include <string_view>

namespace echodb {

/// Throws Error(UnsupportedValue) for a text that ClickHouse's JSON cannot hold or would not hold exactly: what is no
/// object, a path that stands there twice, an integer beyond 64 bits, a number that no Float64 prints the same.
/// Throws Error(ProtocolViolation) for what is no JSON.
void expect_json_object(std::string_view text);

}  // namespace echodb
