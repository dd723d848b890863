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

/// Throws when a statement is one that no privilege governs and that reads or writes files of this machine: INTO
/// OUTFILE, FROM INFILE, RESTORE, and databases of an engine that is not known to be harmless. The engine says what
/// the statement is; what it cannot parse is refused with its own error.
void refuse_host_access(ChdbConnection& connection, std::string_view statement);

}  // namespace echodb
