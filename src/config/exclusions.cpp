#include "config/exclusions.h"

#include <algorithm>
#include <cctype>
#include <iterator>

namespace echodb {

std::string exclusion_pattern(const std::string& glob) {
  std::string pattern = "^";
  for (char c : glob) {
    bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || static_cast<unsigned char>(c) >= 0x80;
    if (c == '*') {
      pattern += ".*";
    } else if (c == '?') {
      pattern += '.';
    } else {
      if (!plain) pattern += '\\';
      pattern += c;
    }
  }
  return pattern + "$";
}

std::vector<std::string> exclusion_patterns(const std::vector<std::string>& globs) {
  std::vector<std::string> patterns;
  std::ranges::transform(globs, std::back_inserter(patterns), exclusion_pattern);
  return patterns;
}

}  // namespace echodb
