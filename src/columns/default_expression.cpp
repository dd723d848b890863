#include "columns/default_expression.h"

#include <fmt/format.h>

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
  plain.array = false;
  plain.nullable = false;
  auto column = make_column(plain);
  column->append_text(text);
  NativeBlock block({.columns = 1, .rows = 1});
  column->write(block);
  T value;
  std::memcpy(&value, block.parts().back().last(sizeof(T)).data(), sizeof(T));
  return value;
}

std::string string_expression(ValueForm form, std::string_view text) {
  const StringDecoder decoder = string_decoders(form).text;
  if (decoder == nullptr) return quote_literal(text);
  fmt::memory_buffer scratch;
  return quote_literal(decoder(as_bytes(text), scratch));
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
    case ValueForm::Int16:
    case ValueForm::Int32:
    case ValueForm::Int64:
    case ValueForm::UInt32:
    case ValueForm::Decimal:
    case ValueForm::Date:
    case ValueForm::Uuid: decoded<std::byte>(type, text); return cast(quote_literal(text), type.value_type);
    default: return string_expression(type.form, text);
  }
}

}  // namespace

std::string default_expression(const TargetType& type, std::string_view text) {
  if (!type.array) return value_expression(type, text);
  // No PostgreSQL array of several dimensions is spelled like anything that ClickHouse takes for an array.
  if (type.nullable && is_irregular_array(text)) return cast(quote_literal(text), type.column_type);
  std::string elements;
  ArrayTextReader reader(text);
  while (reader.next()) {
    if (!elements.empty()) elements += ", ";
    elements += reader.is_null() ? "NULL" : value_expression(type, reader.element());
  }
  std::string array = cast("[" + elements + "]", "Array(Nullable(" + type.value_type + "))");
  return type.nullable ? cast(array, type.column_type) : array;
}

}  // namespace echodb
