#include <bit>

#include "columns/float_text.h"
#include "columns/render.h"
#include "columns/value_errors.h"

namespace echodb::render {
namespace {

constexpr std::size_t kFloatBytes = 8;
constexpr std::size_t kPointBytes = 2 * kFloatBytes;

void print_number(ByteReader& reader, Scratch& scratch) {
  print_float(scratch, std::bit_cast<double>(reader.read<std::uint64_t>()));
}

void print_numbers(ByteReader& reader, Scratch& scratch, int count) {
  for (int number = 0; number < count; ++number) {
    if (number > 0) scratch.push_back(',');
    print_number(reader, scratch);
  }
}

void print_points(ByteReader& reader, Scratch& scratch, std::size_t count) {
  for (std::size_t number = 0; number < count; ++number) {
    add(scratch, number == 0 ? "(" : ",(");
    print_numbers(reader, scratch, 2);
    scratch.push_back(')');
  }
}

std::size_t read_count(ByteReader& reader, std::string_view type) {
  const auto count = reader.read<std::int32_t>();
  if (count < 0 || reader.remaining() != static_cast<std::size_t>(count) * kPointBytes) malformed_value(type);
  return static_cast<std::size_t>(count);
}

}  // namespace

std::string_view point(Bytes value, Scratch& scratch) {
  expect_width(value, kPointBytes, "point");
  ByteReader reader(value);
  print_points(reader, scratch, 1);
  return finished(scratch);
}

std::string_view lseg(Bytes value, Scratch& scratch) {
  expect_width(value, 2 * kPointBytes, "lseg");
  ByteReader reader(value);
  scratch.push_back('[');
  print_points(reader, scratch, 2);
  scratch.push_back(']');
  return finished(scratch);
}

std::string_view box(Bytes value, Scratch& scratch) {
  expect_width(value, 2 * kPointBytes, "box");
  ByteReader reader(value);
  print_points(reader, scratch, 2);
  return finished(scratch);
}

std::string_view line(Bytes value, Scratch& scratch) {
  expect_width(value, 3 * kFloatBytes, "line");
  ByteReader reader(value);
  scratch.push_back('{');
  print_numbers(reader, scratch, 3);
  scratch.push_back('}');
  return finished(scratch);
}

// closed:uint8 points:int32 point{points}
std::string_view path(Bytes value, Scratch& scratch) {
  ByteReader reader(value);
  const bool closed = reader.read<std::uint8_t>() != 0;
  const std::size_t points = read_count(reader, "path");
  scratch.push_back(closed ? '(' : '[');
  print_points(reader, scratch, points);
  scratch.push_back(closed ? ')' : ']');
  return finished(scratch);
}

// points:int32 point{points}
std::string_view polygon(Bytes value, Scratch& scratch) {
  ByteReader reader(value);
  const std::size_t points = read_count(reader, "polygon");
  scratch.push_back('(');
  print_points(reader, scratch, points);
  scratch.push_back(')');
  return finished(scratch);
}

std::string_view circle(Bytes value, Scratch& scratch) {
  expect_width(value, 3 * kFloatBytes, "circle");
  ByteReader reader(value);
  scratch.push_back('<');
  print_points(reader, scratch, 1);
  scratch.push_back(',');
  print_number(reader, scratch);
  scratch.push_back('>');
  return finished(scratch);
}

}  // namespace echodb::render
