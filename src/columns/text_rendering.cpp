#include "columns/text_rendering.h"

#include <bit>
#include <concepts>

#include "columns/float_text.h"
#include "columns/json_object.h"
#include "columns/render.h"
#include "columns/value_errors.h"

namespace echodb {
namespace {

using render::finished;
using render::print;
using render::Scratch;

std::string_view bit(Bytes value, Scratch& scratch) {
  ByteReader reader(value);
  const auto bits = reader.read<std::int32_t>();
  const Bytes packed = reader.read_bytes(reader.remaining());
  if (bits < 0 || packed.size() != (static_cast<std::size_t>(bits) + 7) / 8) malformed_value("bit");
  for (std::size_t bit = 0; bit < static_cast<std::size_t>(bits); ++bit) {
    const auto byte = std::to_integer<unsigned>(packed[bit / 8]);
    scratch.push_back((byte >> (7 - bit % 8) & 1) != 0 ? '1' : '0');
  }
  return finished(scratch);
}

std::string_view lsn(Bytes value, Scratch& scratch) {
  expect_width(value, 8, "pg_lsn");
  print(scratch, "{:X}/{:X}", load_big_endian<std::uint32_t>(value.data()),
        load_big_endian<std::uint32_t>(value.data() + 4));
  return finished(scratch);
}

std::string_view tid(Bytes value, Scratch& scratch) {
  expect_width(value, 6, "tid");
  print(scratch, "({},{})", load_big_endian<std::uint32_t>(value.data()),
        load_big_endian<std::uint16_t>(value.data() + 4));
  return finished(scratch);
}

std::string_view jsonb(Bytes value, Scratch& /*scratch*/) {
  constexpr std::byte kVersion{1};
  if (value.empty() || value[0] != kVersion) malformed_value("jsonb");
  return as_text(value.subspan(1));
}

/// "char" holds any byte. Zero prints as nothing; a byte that is no character of its own, as PostgreSQL 16 and later
/// print it, since earlier ones print what is no valid text.
std::string_view octal(std::byte byte, Scratch& scratch) {
  print(scratch, "\\{:03o}", std::to_integer<unsigned>(byte));
  return finished(scratch);
}

constexpr std::byte kFirstNotAscii{0x80};

std::string_view character(Bytes value, Scratch& scratch) {
  expect_width(value, 1, "char");
  if (value[0] >= kFirstNotAscii) return octal(value[0], scratch);
  return as_text(value[0] == std::byte{0} ? Bytes() : value);
}

std::string_view character_from_text(Bytes text, Scratch& scratch) {
  return text.size() == 1 && text[0] >= kFirstNotAscii ? octal(text[0], scratch) : as_text(text);
}

std::string_view json_object(Bytes value, Scratch& /*scratch*/) {
  expect_json_object(as_text(value));
  return as_text(value);
}

std::string_view jsonb_object(Bytes value, Scratch& scratch) {
  return json_object(as_bytes(jsonb(value, scratch)), scratch);
}

std::string_view boolean(Bytes value, Scratch& /*scratch*/) {
  expect_width(value, 1, "bool");
  return value[0] == std::byte{0} ? "f" : "t";
}

template <std::floating_point T, std::unsigned_integral Bits>
std::string_view floating(Bytes value, Scratch& scratch) {
  expect_width(value, sizeof(T), "float");
  print_float(scratch, std::bit_cast<T>(load_big_endian<Bits>(value.data())));
  return finished(scratch);
}

std::string_view uuid(Bytes value, Scratch& scratch) {
  expect_width(value, 16, "uuid");
  for (std::size_t at = 0; at < value.size(); ++at) {
    const bool dash = at == 4 || at == 6 || at == 8 || at == 10;
    print(scratch, "{}{:02x}", dash ? "-" : "", std::to_integer<unsigned>(value[at]));
  }
  return finished(scratch);
}

}  // namespace

StringDecoders string_decoders(ValueForm form) {
  switch (form) {
    case ValueForm::Char: return {.binary = character, .text = character_from_text};
    case ValueForm::Bytea: return {.text = render::bytes_of_bytea};
    case ValueForm::ByteaText: return {.binary = render::bytea, .text = render::hex_of_bytea};
    case ValueForm::JsonObject: return {.binary = json_object, .text = json_object};
    case ValueForm::JsonbObject: return {.binary = jsonb_object, .text = json_object};
    case ValueForm::Jsonb: return {.binary = jsonb};
    case ValueForm::BoolText: return {.binary = boolean};
    case ValueForm::Int16Text: return {.binary = render::integer<std::int16_t>};
    case ValueForm::Int32Text: return {.binary = render::integer<std::int32_t>};
    case ValueForm::Int64Text: return {.binary = render::integer<std::int64_t>};
    case ValueForm::UInt32Text: return {.binary = render::integer<std::uint32_t>};
    case ValueForm::UInt64Text: return {.binary = render::integer<std::uint64_t>};
    case ValueForm::Float32Text: return {.binary = floating<float, std::uint32_t>};
    case ValueForm::Float64Text: return {.binary = floating<double, std::uint64_t>};
    case ValueForm::NumericText: return {.binary = render::numeric};
    case ValueForm::UuidText: return {.binary = uuid};
    case ValueForm::DateText: return {.binary = render::date};
    case ValueForm::TimestampText: return {.binary = render::timestamp};
    case ValueForm::TimestampTzText: return {.binary = render::timestamptz};
    case ValueForm::TimeText: return {.binary = render::time};
    case ValueForm::TimeTzText: return {.binary = render::timetz};
    case ValueForm::IntervalText: return {.binary = render::interval};
    case ValueForm::InetText: return {.binary = render::inet};
    case ValueForm::MacaddrText: return {.binary = render::macaddr};
    case ValueForm::BitText: return {.binary = bit};
    case ValueForm::LsnText: return {.binary = lsn};
    case ValueForm::TidText: return {.binary = tid};
    case ValueForm::PointText: return {.binary = render::point};
    case ValueForm::LsegText: return {.binary = render::lseg};
    case ValueForm::BoxText: return {.binary = render::box};
    case ValueForm::LineText: return {.binary = render::line};
    case ValueForm::PathText: return {.binary = render::path};
    case ValueForm::PolygonText: return {.binary = render::polygon};
    case ValueForm::CircleText: return {.binary = render::circle};
    case ValueForm::Int4RangeText: return {.binary = render::range<render::integer<std::int32_t>>};
    case ValueForm::Int4MultirangeText: return {.binary = render::multirange<render::integer<std::int32_t>>};
    case ValueForm::Int8RangeText: return {.binary = render::range<render::integer<std::int64_t>>};
    case ValueForm::Int8MultirangeText: return {.binary = render::multirange<render::integer<std::int64_t>>};
    case ValueForm::NumRangeText: return {.binary = render::range<render::numeric>};
    case ValueForm::NumMultirangeText: return {.binary = render::multirange<render::numeric>};
    case ValueForm::DateRangeText: return {.binary = render::range<render::date>};
    case ValueForm::DateMultirangeText: return {.binary = render::multirange<render::date>};
    case ValueForm::TsRangeText: return {.binary = render::range<render::timestamp>};
    case ValueForm::TsMultirangeText: return {.binary = render::multirange<render::timestamp>};
    case ValueForm::TsTzRangeText: return {.binary = render::range<render::timestamptz>};
    case ValueForm::TsTzMultirangeText: return {.binary = render::multirange<render::timestamptz>};
    case ValueForm::TsvectorText: return {.binary = render::tsvector};
    case ValueForm::TsqueryText: return {.binary = render::tsquery};
    case ValueForm::HstoreText: return {.binary = render::hstore};
    default: return {};
  }
}

}  // namespace echodb
