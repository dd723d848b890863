#pragma once

#include <string>
#include <vector>

namespace echodb {

/// A name or glob of EXCLUDED_TABLES as an anchored regular expression for PostgreSQL: `temp_*` becomes `^temp_.*$`;
/// `*` stands for any characters, `?` for one.
std::string exclusion_pattern(const std::string& glob);
std::vector<std::string> exclusion_patterns(const std::vector<std::string>& globs);

}  // namespace echodb
