#include "columns/container_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "columns/render.h"
#include "columns/value_errors.h"

namespace echodb {
namespace {

constexpr std::string_view kSpaces = " \t\n\v\f\r";
/// PostgreSQL's limit of a text (MaxAllocSize).
constexpr std::size_t kTextBytesMax = 0x3FFFFFFF;
/// Each container doubles the quotes of those inside it: before this depth the text is larger than any may be.
constexpr int kDepthMax = 64;
constexpr std::int32_t kDimensionsMax = 6;

void expect_printable(std::size_t bytes) {
  if (bytes > kTextBytesMax)
    unsupported_value("value of a composite, array or range whose text exceeds 1 GB", "String");
}

/// nullopt: NULL.
std::optional<Bytes> read_counted(ByteReader& reader, std::string_view container) {
  const auto size = reader.read<std::int32_t>();
  if (size == -1) return std::nullopt;
  if (size < 0) malformed_value(container);
  return reader.read_bytes(static_cast<std::size_t>(size));
}

bool contains_any(std::string_view text, std::string_view characters) {
  return text.find_first_of(characters) != std::string_view::npos;
}

/// An attribute in quotes where needed, with quotes and backslashes doubled.
void add_attribute(std::string& out, std::string_view text) {
  expect_printable(out.size() + text.size());
  const bool quoted = text.empty() || contains_any(text, "\"\\(),") || contains_any(text, kSpaces);
  if (quoted) out += '"';
  for (char character : text) {
    if (character == '"' || character == '\\') out += character;
    out += character;
  }
  if (quoted) out += '"';
  expect_printable(out.size());
}

bool is_word_null(std::string_view text) {
  constexpr std::string_view kNull = "null";
  return std::ranges::equal(text, kNull, [](char left, char right) { return (left | 0x20) == right; });
}

/// An element in quotes where needed, with a backslash before quotes and backslashes.
void add_element(std::string& out, std::string_view text, char delimiter) {
  expect_printable(out.size() + text.size());
  const bool quoted = text.empty() || is_word_null(text) || text.find(delimiter) != std::string_view::npos ||
                      contains_any(text, "\"\\{}") || contains_any(text, kSpaces);
  if (quoted) out += '"';
  for (char character : text) {
    if (character == '"' || character == '\\') out += '\\';
    out += character;
  }
  if (quoted) out += '"';
  expect_printable(out.size());
}

/// How an array's elements lie: rows of rows of rows.
struct Shape {
  std::int32_t dimensions = 0;
  std::array<std::int32_t, kDimensionsMax> lengths{};
  std::array<std::int32_t, kDimensionsMax> lowers{};

  [[nodiscard]] bool empty() const {
    return dimensions == 0 ||
           std::ranges::find(lengths.begin(), lengths.begin() + dimensions, 0) != lengths.begin() + dimensions;
  }
  /// "[2:3][0:0]=" when an index does not begin at 1.
  [[nodiscard]] std::string bounds() const {
    std::string text;
    bool needed = false;
    for (std::size_t at = 0; at < static_cast<std::size_t>(dimensions); ++at) {
      const auto lower = std::int64_t{lowers[at]};
      text += fmt::format("[{}:{}]", lower, lower + lengths[at] - 1);
      needed = needed || lower != 1;
    }
    return needed ? text + "=" : "";
  }
};

Shape read_shape(ByteReader& reader, std::int32_t dimensions) {
  Shape shape{.dimensions = dimensions};
  for (std::size_t at = 0; at < static_cast<std::size_t>(dimensions); ++at) {
    shape.lengths[at] = reader.read<std::int32_t>();
    shape.lowers[at] = reader.read<std::int32_t>();
    if (shape.lengths[at] < 0) malformed_value("array");
  }
  return shape;
}

/// Prints the elements of one dimension in braces, and those of the dimensions inside it.
template <typename AddElement>
void add_dimension(std::string& out, const Shape& shape, std::size_t dimension, char delimiter,
                   const AddElement& add_next) {
  out += '{';
  for (std::int32_t index = 0; index < shape.lengths[dimension]; ++index) {
    if (index > 0) out += delimiter;
    if (dimension + 1 < static_cast<std::size_t>(shape.dimensions)) {
      add_dimension(out, shape, dimension + 1, delimiter, add_next);
    } else {
      add_next();
    }
  }
  out += '}';
}

}  // namespace

std::string ContainerReader::text_at(int depth, Oid type, Bytes value) const {
  if (depth > kDepthMax) unsupported_value("value of types nested this deep", "String");
  TypeParts of_type = parts(type);
  for (; of_type.kind == TypeKind::Domain; of_type = parts(type)) type = of_type.of;
  auto bound = [&](Oid of_bounds) {
    return [this, depth, of_bounds](Bytes bytes, render::Scratch& scratch) {
      render::add(scratch, text_at(depth + 1, of_bounds, bytes));
      expect_printable(scratch.size());
      return render::finished(scratch);
    };
  };
  render::Scratch scratch;
  switch (of_type.kind) {
    case TypeKind::Base: return leaf(type, value);
    case TypeKind::Enum: return std::string(as_text(value));
    case TypeKind::Composite: return composite(depth, value);
    case TypeKind::Array: return array(depth, value);
    case TypeKind::Range: render::print_range(value, scratch, bound(of_type.of)); break;
    case TypeKind::Multirange: render::print_multirange(value, scratch, bound(parts(of_type.of).of)); break;
    case TypeKind::Domain:
    case TypeKind::Pseudo: malformed_value("composite");
  }
  expect_printable(scratch.size());
  return fmt::to_string(scratch);
}

std::string ContainerReader::composite(int depth, Bytes value) const {
  ByteReader reader(value);
  const auto count = reader.read<std::int32_t>();
  if (count < 0) malformed_value("composite");
  std::string out = "(";
  for (std::int32_t attribute = 0; attribute < count; ++attribute) {
    if (attribute > 0) out += ',';
    const auto type = reader.read<Oid>();
    if (const auto bytes = read_counted(reader, "composite")) add_attribute(out, text_at(depth + 1, type, *bytes));
  }
  reader.expect_end();
  return out + ")";
}

std::string ContainerReader::array(int depth, Bytes value) const {
  ByteReader reader(value);
  const auto dimensions = reader.read<std::int32_t>();
  if (dimensions < 0 || dimensions > kDimensionsMax) malformed_value("array");
  const auto flags = reader.read<std::int32_t>();
  if (flags != 0 && flags != 1) malformed_value("array");
  const auto element = reader.read<Oid>();
  const char delimiter = parts(element).delimiter;
  const Shape shape = read_shape(reader, dimensions);
  std::string out = "{}";
  if (!shape.empty()) {
    out = shape.bounds();
    add_dimension(out, shape, 0, delimiter, [&] {
      if (const auto bytes = read_counted(reader, "array")) {
        add_element(out, text_at(depth + 1, element, *bytes), delimiter);
      } else {
        out += "NULL";
      }
    });
  }
  reader.expect_end();
  return out;
}

}  // namespace echodb
