#pragma once

#include <span>
#include <string_view>

#include "postgres/connection.h"

namespace echodb {

/// The functions that setup installs in the source: SQL texts, in the order in which they need each other.
std::span<const std::string_view> installed_functions();

/// Whether triggers, functions and tables of ours are those that this program would install; an earlier version's are
/// brought up to date by setup.
bool is_of_this_version(PostgresConnection& source);
/// To be called in the transaction that has installed them.
void note_installed(PostgresConnection& source);

}  // namespace echodb
