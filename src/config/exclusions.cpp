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

std::string exclusion_of(const std::string& pattern) {
  std::string glob;
  for (std::size_t i = 1; i + 1 < pattern.size(); ++i) {
    if (pattern[i] == '\\') {
      glob += pattern[++i];
    } else if (pattern[i] == '.') {
      const bool any = pattern[i + 1] == '*';
      glob += any ? '*' : '?';
      if (any) ++i;
    } else {
      glob += pattern[i];
    }
  }
  return glob;
}

std::vector<std::string> exclusion_patterns(const std::vector<std::string>& globs) {
  std::vector<std::string> patterns;
  std::ranges::transform(globs, std::back_inserter(patterns), exclusion_pattern);
  return patterns;
}

}  // namespace echodb
