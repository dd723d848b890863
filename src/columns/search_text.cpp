#include "columns/render.h"
#include "columns/value_errors.h"

namespace echodb::render {
namespace {

constexpr unsigned kPositionMask = 0x3FFF;
constexpr unsigned kWeightShift = 14;

/// The character and, before it, itself or a backslash when it is one of the two that need it.
void add_escaped(Scratch& scratch, std::string_view text, char quote, char escape) {
  for (char character : text) {
    if (character == quote) scratch.push_back(escape);
    if (character == '\\') scratch.push_back('\\');
    scratch.push_back(character);
  }
}

std::string_view read_sized(ByteReader& reader) {
  const auto size = reader.read<std::int32_t>();
  if (size < 0) malformed_value("hstore");
  return as_text(reader.read_bytes(static_cast<std::size_t>(size)));
}

void print_quoted(Scratch& scratch, std::string_view text) {
  scratch.push_back('"');
  add_escaped(scratch, text, '"', '\\');
  scratch.push_back('"');
}

}  // namespace

// lexemes:int32 {lexeme:byte… 0 positions:uint16 {weight:2 bits, place:14 bits}{positions}}{lexemes}
std::string_view tsvector(Bytes value, Scratch& scratch) {
  ByteReader reader(value);
  const auto lexemes = reader.read<std::int32_t>();
  if (lexemes < 0) malformed_value("tsvector");
  for (std::int32_t lexeme = 0; lexeme < lexemes; ++lexeme) {
    add(scratch, lexeme == 0 ? "'" : " '");
    add_escaped(scratch, reader.read_c_string(), '\'', '\'');
    scratch.push_back('\'');
    const auto positions = reader.read<std::uint16_t>();
    for (unsigned index = 0; index < positions; ++index) {
      const unsigned position = reader.read<std::uint16_t>();
      print(scratch, "{}{}", index == 0 ? ':' : ',', position & kPositionMask);
      constexpr std::string_view kWeights[] = {"", "C", "B", "A"};
      add(scratch, kWeights[position >> kWeightShift]);
    }
  }
  reader.expect_end();
  return finished(scratch);
}

// pairs:int32 {key value}{pairs}, each a size:int32 and its bytes; a value of size -1 is NULL
std::string_view hstore(Bytes value, Scratch& scratch) {
  ByteReader reader(value);
  const auto pairs = reader.read<std::int32_t>();
  if (pairs < 0) malformed_value("hstore");
  for (std::int32_t pair = 0; pair < pairs; ++pair) {
    if (pair > 0) add(scratch, ", ");
    print_quoted(scratch, read_sized(reader));
    add(scratch, "=>");
    ByteReader ahead = reader;
    if (ahead.read<std::int32_t>() == -1) {
      reader = ahead;
      add(scratch, "NULL");
    } else {
      print_quoted(scratch, read_sized(reader));
    }
  }
  reader.expect_end();
  return finished(scratch);
}

}  // namespace echodb::render
