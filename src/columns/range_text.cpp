#include "columns/render.h"
#include "columns/value_errors.h"

namespace echodb::render {
namespace {

constexpr unsigned kEmpty = 0x01;
constexpr unsigned kLowerInclusive = 0x02;
constexpr unsigned kUpperInclusive = 0x04;
constexpr unsigned kLowerInfinite = 0x08;
constexpr unsigned kUpperInfinite = 0x10;
constexpr unsigned kKnownFlags = 0x1F;

/// A bound in double quotes where it holds what the grammar of ranges uses.
void print_bound(ByteReader& reader, Scratch& scratch, const BoundRenderer& bound) {
  const auto size = reader.read<std::int32_t>();
  if (size < 0) malformed_value("range");
  Scratch rendered;
  const std::string_view text = bound(reader.read_bytes(static_cast<std::size_t>(size)), rendered);
  if (!text.empty() && text.find_first_of("\"\\()[], \t\n\v\f\r") == std::string_view::npos) {
    return add(scratch, text);
  }
  scratch.push_back('"');
  for (char character : text) {
    if (character == '"' || character == '\\') scratch.push_back(character);
    scratch.push_back(character);
  }
  scratch.push_back('"');
}

}  // namespace

// flags:uint8 {size:int32 byte{size}}{0…2}: the bounds that are neither infinite nor of the empty range
void print_range(Bytes value, Scratch& scratch, const BoundRenderer& bound) {
  ByteReader reader(value);
  const unsigned flags = reader.read<std::uint8_t>();
  if ((flags & ~kKnownFlags) != 0) malformed_value("range");
  if ((flags & kEmpty) != 0) {
    add(scratch, "empty");
    return reader.expect_end();
  }
  scratch.push_back((flags & kLowerInclusive) != 0 ? '[' : '(');
  if ((flags & kLowerInfinite) == 0) print_bound(reader, scratch, bound);
  scratch.push_back(',');
  if ((flags & kUpperInfinite) == 0) print_bound(reader, scratch, bound);
  scratch.push_back((flags & kUpperInclusive) != 0 ? ']' : ')');
  reader.expect_end();
}

// count:uint32 {size:int32 range:byte{size}}{count}
void print_multirange(Bytes value, Scratch& scratch, const BoundRenderer& bound) {
  ByteReader reader(value);
  const auto count = reader.read<std::uint32_t>();
  scratch.push_back('{');
  for (std::uint32_t index = 0; index < count; ++index) {
    if (index > 0) scratch.push_back(',');
    const auto size = reader.read<std::int32_t>();
    if (size < 0) malformed_value("multirange");
    print_range(reader.read_bytes(static_cast<std::size_t>(size)), scratch, bound);
  }
  scratch.push_back('}');
  reader.expect_end();
}

}  // namespace echodb::render
