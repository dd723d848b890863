#include "postgres/connection.h"

namespace echodb {
namespace {

std::string quoted(std::string_view text, char quote) {
  std::string out(1, quote);
  for (char c : text) {
    if (c == quote) out += quote;
    out += c;
  }
  out += quote;
  return out;
}

}  // namespace

std::string quote_sql_identifier(std::string_view name) { return quoted(name, '"'); }

std::string quote_sql_literal(std::string_view text) {
  std::string out = quoted(text, '\'');
  if (text.find('\\') == std::string_view::npos) return out;
  std::string escaped = " E";
  for (char c : out) {
    if (c == '\\') escaped += c;
    escaped += c;
  }
  return escaped;
}

std::string to_array_text(std::span<const std::string> values) {
  std::string out = "{";
  for (const std::string& value : values) {
    if (out.size() > 1) out += ',';
    out += '"';
    for (char c : value) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  return out + "}";
}

}  // namespace echodb
