#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "column_testing.h"

namespace echodb::unit {

struct PostgresValue {
  std::string declared;
  Oid oid;
  std::int32_t typmod;
  std::string binary_hex;
  std::string text;
};

/// The values of fixtures/postgres_values.txt: what a real PostgreSQL sent and printed.
inline std::vector<PostgresValue> postgres_values() {
  std::ifstream file(std::filesystem::path(__FILE__).parent_path() / "fixtures/postgres_values.txt");
  std::vector<PostgresValue> values;
  for (std::string line; std::getline(file, line);) {
    std::vector<std::string> fields;
    std::size_t from = 0;
    for (int field = 0; field < 4; ++field) {
      const std::size_t to = line.find('|', from);
      fields.push_back(line.substr(from, to - from));
      from = to + 1;
    }
    values.push_back({.declared = fields[0],
                      .oid = static_cast<Oid>(std::stoul(fields[1])),
                      .typmod = std::stoi(fields[2]),
                      .binary_hex = fields[3],
                      .text = line.substr(from)});
  }
  return values;
}

inline Oid element_oid(const PostgresValue& value) {
  if (!value.declared.ends_with("[]")) return 0;
  // dimensions, has_null, element type
  return load_big_endian<Oid>(as_bytes(from_hex(value.binary_hex)).data() + 8);
}

inline ColumnType column_type_of(const PostgresValue& value) {
  const Oid element = element_oid(value);
  const std::string base = value.declared.substr(0, value.declared.find('['));
  return {.oid = value.oid,
          .typmod = value.typmod,
          .kind = element == 0 ? TypeKind::Base : TypeKind::Array,
          .declared = value.declared,
          .element_oid = element,
          .extension_type = base == "citext" || base == "hstore" ? base : std::string()};
}

/// With room for all of the values: numeric without a precision as its text, since some have no other place.
inline TargetType type_of(const PostgresValue& value, bool nullable) {
  const auto numeric = value.declared == "numeric" ? UnboundedNumeric::Text : UnboundedNumeric::Decimal38;
  return target_type(
      column_type_of(value),
      {.server = kCurrentServer, .nullable = nullable, .unbounded_numeric = numeric, .arrays = ArrayChoice::Variant});
}

}  // namespace echodb::unit
