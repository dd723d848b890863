#pragma once

#include <string>
#include <vector>

namespace echodb {

/// A name or glob of EXCLUDED_TABLES as an anchored regular expression for PostgreSQL: `temp_*` becomes `^temp_.*$`;
/// `*` stands for any characters, `?` for one.
std::string exclusion_pattern(const std::string& glob);
/// The name or glob that a pattern was made of.
std::string exclusion_of(const std::string& pattern);
std::vector<std::string> exclusion_patterns(const std::vector<std::string>& globs);

}  // namespace echodb
