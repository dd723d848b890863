#pragma once

#include <string>
#include <string_view>

#include "columns/type_map.h"
#include "columns/type_rules.h"

namespace echodb {

/// Throws Error(InvalidConfiguration) when no column whatever can be overridden with this ClickHouse type: for the
/// start, before any table is known.
void check_override_name(std::string_view clickhouse_type);

/// Throws Error(InvalidConfiguration), naming the column, its type and what is possible instead, when
/// `options.override_type` is not possible for this column. `column` is for people: "public.users.age".
void check_override(std::string_view column, const ColumnType& type, const TypeOptions& options);

// For `target_type`.

SourceValue source_value(const ColumnType& type);
/// Whether an override spells this type, however it is spaced.
bool is_same_type(std::string_view override_type, std::string_view clickhouse_type);
/// What the override makes of the value. Throws Error(InvalidConfiguration) when it is not possible.
HeldValue overridden_value(const ColumnType& type, const TypeOptions& options);
HeldValue json_value(const SourceValue& source);

struct DecimalShape {
  int precision;
  int scale;
};
/// "Decimal(10, 2)"
std::string decimal_name(DecimalShape shape);

}  // namespace echodb
