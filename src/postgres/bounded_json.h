#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace echodb {

/// Parses a document that the source wrote. Throws Error(ProtocolViolation) for a text that is no JSON, and for one
/// that is nested deeper than anything of ours: values are copied, compared and written by recursion.
nlohmann::json parse_bounded_json(std::string_view text);

}  // namespace echodb
