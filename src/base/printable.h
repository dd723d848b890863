#pragma once

#include <string>
#include <string_view>

namespace echodb {

/// The text on one line and without commands to a terminal: control characters as \n, \t or \x1b. Names of tables and
/// messages of servers may hold any: a log line or a screen that shows them as they are could be forged.
std::string printable(std::string_view text);

}  // namespace echodb
