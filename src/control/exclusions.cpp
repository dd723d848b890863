#include "control/exclusions.h"

#include <cctype>

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

}  // namespace echodb
