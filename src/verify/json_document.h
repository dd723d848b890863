#pragma once

#include <string>
#include <string_view>

namespace echodb {

/// The document in the one form that PostgreSQL's text and ClickHouse's JSON share: members in order of their names,
/// none that is null or an empty object, dotted names taken as paths, whole numbers without a point. A text that is no
/// JSON stays as it is.
std::string normal_json(std::string_view text);

}  // namespace echodb
