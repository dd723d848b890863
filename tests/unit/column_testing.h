#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "columns/make_column.h"

namespace echodb::unit {

inline const ServerVersion kCurrentServer{.major = 26, .minor = 7, .text = "26.7.2.1"};
inline const ServerVersion kOldServer{.major = 18, .minor = 16, .text = "18.16.1"};

inline TargetType base_type(Oid oid, bool nullable = false, std::int32_t typmod = -1) {
  return target_type({.oid = oid, .typmod = typmod, .kind = TypeKind::Base, .declared = {}, .element_oid = 0},
                     {.server = kCurrentServer, .nullable = nullable});
}

/// With room for NULL elements and, where the column may be NULL, for NULL and any dimensions.
inline TargetType array_of(Oid element, bool nullable = false, std::int32_t typmod = -1) {
  return target_type({.oid = 1, .typmod = typmod, .kind = TypeKind::Array, .declared = {}, .element_oid = element},
                     {.server = kCurrentServer, .nullable = nullable, .arrays = ArrayChoice::Variant});
}

/// typmod of numeric(precision, scale).
inline std::int32_t numeric_typmod(int precision, int scale) { return (precision << 16 | (scale & 0x7FF)) + 4; }

inline std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t at = 0; at + 1 < hex.size(); at += 2) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(at, 2)), nullptr, 16)));
  }
  return bytes;
}

inline std::string to_hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (char character : bytes) {
    const auto byte = static_cast<unsigned char>(character);
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

/// What `write` adds to a block for this column.
inline std::string native_data(const ColumnBuilder& column) {
  NativeBlock block({.columns = 1, .rows = column.rows()});
  const std::size_t header = block.size();
  column.write(block);
  std::string data;
  for (Bytes part : block.parts()) data += as_text(part);
  return data.substr(header);
}

/// The data of a column of one row.
inline std::string from_binary(const TargetType& type, std::string_view hex) {
  auto column = make_column(type);
  const std::string bytes = from_hex(hex);
  column->append_binary(as_bytes(bytes));
  return native_data(*column);
}
inline std::string from_text(const TargetType& type, std::string_view text) {
  auto column = make_column(type);
  column->append_text(text);
  return native_data(*column);
}

/// The code of the error that `action` throws.
template <typename Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return std::string(to_string(error.code()));
  }
  return "nothing was thrown";
}

}  // namespace echodb::unit
