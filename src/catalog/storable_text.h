#pragma once

#include <string>
#include <string_view>

namespace echodb {

/// A text in UTF-8 as a database of this encoding can hold it: a character that it lacks, and bytes that are none,
/// become "?", the ellipsis three dots. Letters that come from the database itself pass unchanged.
/// `encoding`: server_encoding, as PostgreSQL calls it.
std::string storable_text(std::string_view text, std::string_view encoding);

}  // namespace echodb
