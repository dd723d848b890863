#include "clickhouse/quoting.h"

namespace echodb {
namespace {

std::string quoted(std::string_view text, char quote) {
  std::string result;
  result.reserve(text.size() + 2);
  result += quote;
  for (char character : text) {
    if (character == '\0') {
      result += "\\0";
      continue;
    }
    if (character == quote || character == '\\') result += '\\';
    result += character;
  }
  result += quote;
  return result;
}

}  // namespace

std::string quote_identifier(std::string_view name) { return quoted(name, '`'); }

std::string quote_literal(std::string_view text) { return quoted(text, '\''); }

}  // namespace echodb
