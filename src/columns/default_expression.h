#pragma once

#include <string>
#include <string_view>

#include "columns/type_map.h"

namespace echodb {

/// The ClickHouse expression of exactly the value that PostgreSQL prints as `text`: what ADD COLUMN needs for the rows
/// that are older than the column (attmissingval). Throws Error(UnsupportedValue) when the type cannot hold it.
std::string default_expression(const TargetType& type, std::string_view text);

}  // namespace echodb
