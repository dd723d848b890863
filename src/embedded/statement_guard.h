#pragma once

#include <string>
#include <string_view>

#include "embedded/chdb_connection.h"

namespace echodb {

/// Whether a setting opens files by path or holds SQL of its own; neither the URL nor a statement may give it.
bool is_refused_setting(std::string_view name);

/// Whether these bytes, wherever a comment or a literal begins and ends, could be a statement that is to be refused:
/// a keyword cannot be written otherwise than by its letters.
bool may_touch_host(std::string_view text);

/// Why a statement is not served, or nothing. `formatted` is the statement as ClickHouse's own formatter writes it:
/// without comments, with one way of quoting.
std::string host_access(std::string_view formatted);

/// Throws when a statement could reach files or programs of this machine where no privilege governs it: by a clause, an
/// engine, a function or a setting. docs/embedded-clickhouse.md has the list. The engine says what the statement is; a
/// statement that it cannot parse is refused with its own error.
void refuse_host_access(ChdbConnection& connection, std::string_view statement);

}  // namespace echodb
