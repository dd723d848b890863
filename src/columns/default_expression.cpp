#include "columns/default_expression.h"

#include <fmt/format.h>

#include <algorithm>

#include "clickhouse/quoting.h"
#include "columns/array_text.h"
#include "columns/make_column.h"
#include "columns/text_rendering.h"

namespace echodb {
namespace {

std::string cast(const std::string& expression, const std::string& type) {
  return fmt::format("CAST({}, {})", expression, quote_literal(type));
}

/// The value as the column would hold it, which also refuses what the column refuses.
template <typename T>
T decoded(const TargetType& type, std::string_view text) {
  TargetType plain = type;
  plain.array = ArrayForm::None;
  plain.nullable = false;
  auto column = make_column(plain);
  column->append_text(text);
  NativeBlock block({.columns = 1, .rows = 1});
  column->write(block);
  T value;
  std::memcpy(&value, block.parts().back().last(sizeof(T)).data(), sizeof(T));
  return value;
}

/// The value's text as ClickHouse reads it for the type, once the column has accepted it.
std::string printed(const TargetType& type, std::string_view text) {
  TargetType plain = type;
  plain.array = ArrayForm::None;
  plain.nullable = false;
  auto column = make_column(plain);
  column->append_text(text);
  std::string out;
  column->put_text(0, out);
  return out;
}

std::string string_expression(ValueForm form, std::string_view text) {
  const StringDecoder decoder = string_decoders(form).text;
  if (decoder == nullptr) return quote_literal(text);
  fmt::memory_buffer scratch;
  const std::string_view value = decoder(as_bytes(text), scratch);
  if (form != ValueForm::Bytea) return quote_literal(value);
  // Raw bytes have no place in a statement that is kept as text.
  std::string digits;
  for (const std::byte byte : as_bytes(value)) digits += fmt::format("{:02X}", std::to_integer<unsigned>(byte));
  return fmt::format("unhex('{}')", digits);
}

/// Ticks of 10^-scale seconds as the decimal number of seconds that becomes exactly them.
std::string seconds_expression(std::int64_t ticks, int scale) {
  std::string digits = std::to_string(ticks < 0 ? -ticks : ticks);
  const auto places = static_cast<std::size_t>(scale);
  if (digits.size() <= places) digits.insert(0, places + 1 - digits.size(), '0');
  if (places > 0) digits.insert(digits.size() - places, ".");
  return cast(fmt::format("'{}{}'", ticks < 0 ? "-" : "", digits), fmt::format("Decimal(38, {})", scale));
}

std::string value_expression(const TargetType& type, std::string_view text) {
  switch (type.form) {
    case ValueForm::Bool: return cast(decoded<std::uint8_t>(type, text) != 0 ? "1" : "0", type.value_type);
    // By its bytes: ClickHouse's own reading of decimal fractions is not exact by default.
    case ValueForm::Float32:
      return fmt::format("reinterpretAsFloat32(unhex('{:08X}'))",
                         __builtin_bswap32(decoded<std::uint32_t>(type, text)));
    case ValueForm::Float64:
      return fmt::format("reinterpretAsFloat64(unhex('{:016X}'))",
                         __builtin_bswap64(decoded<std::uint64_t>(type, text)));
    case ValueForm::Timestamp:
      return fmt::format("fromUnixTimestamp64Micro(toInt64({}), 'UTC')", decoded<std::int64_t>(type, text));
    case ValueForm::Seconds: return cast(std::to_string(decoded<std::uint32_t>(type, text)), type.value_type);
    case ValueForm::Ticks:
      return cast(seconds_expression(decoded<std::int64_t>(type, text), type.scale), type.value_type);
    case ValueForm::Int8:
    case ValueForm::Int16:
    case ValueForm::Int32:
    case ValueForm::Int64:
    case ValueForm::Int128:
    case ValueForm::Int256:
    case ValueForm::UInt8:
    case ValueForm::UInt16:
    case ValueForm::UInt32:
    case ValueForm::UInt64:
    case ValueForm::UInt128:
    case ValueForm::UInt256:
    case ValueForm::Decimal:
    case ValueForm::Date:
    case ValueForm::ShortDate:
    case ValueForm::TimeOfDay:
    case ValueForm::Uuid:
    case ValueForm::Ipv4:
    case ValueForm::Ipv6: return cast(quote_literal(printed(type, text)), type.value_type);
    case ValueForm::JsonObject:
    case ValueForm::JsonbObject: return cast(string_expression(type.form, text), type.value_type);
    default: return string_expression(type.form, text);
  }
}

std::string elements_expression(const TargetType& type, std::string_view text) {
  std::string elements;
  ArrayTextReader reader(text, type.delimiter);
  while (reader.next()) {
    if (!elements.empty()) elements += ", ";
    elements += reader.is_null() ? "NULL" : value_expression(type, reader.element());
  }
  const std::string element = type.nullable_elements ? "Nullable(" + type.value_type + ")" : type.value_type;
  return cast("[" + elements + "]", "Array(" + element + ")");
}

/// "[1,2.5]"
std::string vector_expression(const TargetType& type, std::string_view text) {
  std::string elements;
  for (text = text.substr(1, text.size() - 2); !text.empty();) {
    const std::size_t comma = std::min(text.find(','), text.size());
    if (!elements.empty()) elements += ", ";
    elements += value_expression(type, text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return cast("[" + elements + "]", "Array(" + type.value_type + ")");
}

}  // namespace

std::string default_expression(const TargetType& type, std::string_view text) {
  if (!type.is_array()) return value_expression(type, text);
  make_column(type)->append_text(text);
  // No PostgreSQL array of several dimensions is spelled like anything that ClickHouse takes for an array.
  const bool is_irregular = type.array == ArrayForm::Postgres && is_irregular_array(text);
  if (type.nullable && is_irregular) return cast(quote_literal(text), type.column_type);
  std::string array = type.array == ArrayForm::Vector ? vector_expression(type, text) : elements_expression(type, text);
  return type.nullable ? cast(array, type.column_type) : array;
}

}  // namespace echodb
