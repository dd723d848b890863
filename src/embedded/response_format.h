#pragma once

#include <string_view>

namespace echodb {

/// The Content-Type ClickHouse gives an output format.
std::string_view content_type_of(std::string_view format);

}  // namespace echodb
