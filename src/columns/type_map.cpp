#include "columns/type_map.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "columns/decimal.h"
#include "columns/type_override.h"
#include "columns/type_rules.h"

namespace echodb {
namespace {

/// Of numeric without a modifier: as many digits on either side of the point.
constexpr int kUnboundedPrecision = 76;
constexpr int kUnboundedScale = 38;

struct NumericModifier {
  int precision;
  int scale;
};

/// numeric(p, s) packs both into the modifier; s has 11 bits and a sign since PostgreSQL 15.
std::optional<NumericModifier> numeric_modifier(std::int32_t typmod) {
  constexpr std::int32_t kVarlenaHeader = 4;
  constexpr std::int32_t kScaleMask = 0x7FF;
  constexpr std::int32_t kScaleSign = 0x400;
  if (typmod < kVarlenaHeader) return std::nullopt;
  const std::int32_t packed = typmod - kVarlenaHeader;
  return NumericModifier{.precision = packed >> 16 & 0xFFFF,
                         .scale = ((packed & kScaleMask) ^ kScaleSign) - kScaleSign};
}

HeldValue decimal(int precision, int scale) {
  return {.form = ValueForm::Decimal,
          .type = decimal_name({.precision = precision, .scale = scale}),
          .precision = precision,
          .scale = scale};
}

/// A Decimal that holds every value of the modifier exactly, or the text where there is none that large. numeric(3, -2)
/// holds 99900, so Decimal(5, 0); numeric(2, 5) holds 0.00099, so Decimal(5, 5).
HeldValue numeric_value(std::int32_t typmod, const TypeOptions& options) {
  const auto modifier = numeric_modifier(typmod);
  const int precision_max = has(options.server, kDecimal256Since) ? kDecimalPrecisionMax : kDecimal128PrecisionMax;
  if (!modifier) {
    if (options.unbounded_numeric == UnboundedNumeric::Text) return {.form = ValueForm::NumericText};
    if (precision_max < kUnboundedPrecision) return {.form = ValueForm::NumericText, .fell_back = true};
    return decimal(kUnboundedPrecision, kUnboundedScale);
  }
  const int scale = std::max(modifier->scale, 0);
  const int precision = std::max(modifier->precision - std::min(modifier->scale, 0), scale);
  if (precision > precision_max) return {.form = ValueForm::NumericText, .fell_back = true};
  return decimal(precision, scale);
}

/// What the value becomes when nobody asks for something else.
HeldValue default_value(const SourceValue& source, const TypeOptions& options) {
  if (source.oid == oid::kNumeric) return numeric_value(source.typmod, options);
  const bool is_json = source.oid == oid::kJson || source.oid == oid::kJsonb;
  if (is_json && options.json == JsonForm::Json && has(options.server, kJsonSince)) return json_value(source);
  const TypeRule* rule = find_rule(source);
  if (rule == nullptr) return {.form = ValueForm::SourceText, .fell_back = true};
  const Holding& holding = has(options.server, rule->since) ? rule->holding : rule->before;
  const bool text_instead = holding.form != rule->holding.form;
  return {.form = holding.form,
          .type = std::string(holding.clickhouse),
          .low_cardinality = source.kind == TypeKind::Enum && has(options.server, kLowCardinalitySince),
          .fell_back = rule->counterpart == Counterpart::No || text_instead};
}

std::string nullable(const std::string& type) { return "Nullable(" + type + ")"; }

TargetType of_value(const ColumnType& type, const HeldValue& value, bool is_nullable) {
  const std::string name = is_nullable ? nullable(value.type) : value.type;
  return {.column_type = value.low_cardinality ? "LowCardinality(" + name + ")" : name,
          .native_type = name,
          .value_type = value.type,
          .form = value.form,
          .read_as = value.read_as,
          .nullable = is_nullable,
          .precision = static_cast<std::uint8_t>(value.precision),
          .scale = static_cast<std::uint8_t>(value.scale),
          .source_oid = type.oid,
          .fell_back_to_text = value.fell_back};
}

/// The whole array, or whatever it is, as the text that the source prints.
TargetType source_text(const ColumnType& type, bool is_nullable) {
  return of_value(type, {.form = ValueForm::SourceText, .fell_back = true}, is_nullable);
}

TargetType array_type(const ColumnType& type, const TypeOptions& options) {
  HeldValue element = default_value({.oid = type.element_oid,
                                     .kind = type.element_kind,
                                     .typmod = type.typmod,
                                     .extension_type = type.extension_type},
                                    {.server = options.server, .unbounded_numeric = options.unbounded_numeric});
  const bool no_null_array = options.nullable && !has(options.server, kVariantSince);
  if (element.form == ValueForm::SourceText || no_null_array) return source_text(type, options.nullable);
  element.low_cardinality = false;
  TargetType array = of_value(type, element, options.nullable);
  array.array = ArrayForm::Postgres;
  array.delimiter = type.element_oid == oid::kBox ? ';' : ',';
  array.column_type = "Array(" + nullable(element.type) + ")";
  if (options.nullable) array.column_type = "Variant(" + array.column_type + ", String)";
  array.native_type = array.column_type;
  return array;
}

TargetType vector_type(const ColumnType& type, const TypeOptions& options) {
  if (options.nullable && !has(options.server, kVariantSince)) return source_text(type, options.nullable);
  TargetType vector = of_value(type, {.form = ValueForm::Float32, .type = "Float32"}, options.nullable);
  vector.array = ArrayForm::Vector;
  vector.column_type = options.nullable ? "Variant(Array(Float32), String)" : "Array(Float32)";
  vector.native_type = vector.column_type;
  return vector;
}

TargetType default_type(const ColumnType& type, const TypeOptions& options) {
  if (type.kind == TypeKind::Array) return array_type(type, options);
  if (type.extension_type == "vector") return vector_type(type, options);
  return of_value(type, default_value(source_value(type), options), options.nullable);
}

}  // namespace

TargetType target_type(const ColumnType& type, const TypeOptions& options) {
  if (options.as_text) {
    return of_value(type, {.form = text_form(source_value(type)), .fell_back = true}, options.nullable);
  }
  if (options.override_type.empty()) return default_type(type, options);
  TypeOptions not_null = options;
  not_null.nullable = false;
  if (is_same_type(options.override_type, default_type(type, not_null).column_type)) {
    TargetType unchanged = default_type(type, options);
    unchanged.fell_back_to_text = false;
    return unchanged;
  }
  return of_value(type, overridden_value(type, options), options.nullable);
}

}  // namespace echodb
