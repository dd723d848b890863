#include "columns/render.h"

namespace echodb::render {
namespace {

unsigned hex_digit(std::byte byte) {
  const auto digit = std::to_integer<unsigned char>(byte);
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  malformed_value("bytea");
}

/// bytea_output escape: a backslash is doubled, other bytes may be three octal digits behind one.
std::string_view bytea_from_escapes(std::string_view text, Scratch& scratch) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\') {
      scratch.push_back(text[at]);
    } else if (at + 1 < text.size() && text[at + 1] == '\\') {
      scratch.push_back(text[++at]);
    } else {
      unsigned byte = 0;
      for (std::size_t place = 1; place <= 3; ++place) {
        if (at + place >= text.size() || text[at + place] < '0' || text[at + place] > '7') malformed_value("bytea");
        byte = byte * 8 + static_cast<unsigned>(text[at + place] - '0');
      }
      if (byte > 0xFF) malformed_value("bytea");
      scratch.push_back(static_cast<char>(byte));
      at += 3;
    }
  }
  return finished(scratch);
}

}  // namespace

std::string_view bytea(Bytes value, Scratch& scratch) {
  add(scratch, "\\x");
  for (std::byte byte : value) print(scratch, "{:02x}", std::to_integer<unsigned>(byte));
  return finished(scratch);
}

std::string_view bytes_of_bytea(Bytes text, Scratch& scratch) {
  if (!as_text(text).starts_with("\\x")) return bytea_from_escapes(as_text(text), scratch);
  if (text.size() % 2 != 0) malformed_value("bytea");
  for (std::size_t at = 2; at < text.size(); at += 2) {
    scratch.push_back(static_cast<char>(hex_digit(text[at]) << 4 | hex_digit(text[at + 1])));
  }
  return finished(scratch);
}

std::string_view hex_of_bytea(Bytes text, Scratch& scratch) {
  if (as_text(text).starts_with("\\x")) return as_text(text);
  Scratch bytes;
  return bytea(as_bytes(bytes_of_bytea(text, bytes)), scratch);
}

}  // namespace echodb::render
