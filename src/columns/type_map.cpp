#include "columns/type_map.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "columns/decimal.h"
#include "columns/type_override.h"
#include "columns/type_rules.h"

namespace echodb {
namespace {

/// Of numeric without a modifier. PostgreSQL divides to 20 digits behind the point, unless the quotient is tiny.
constexpr int kUnboundedPrecision = 76;
constexpr int kUnboundedScale = 20;
/// As many digits on either side of the point.
constexpr int kUnboundedScaleWider = 38;

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
    const bool wider = options.width == ColumnWidth::Widest || options.unbounded_numeric == UnboundedNumeric::Decimal38;
    return decimal(kUnboundedPrecision, wider ? kUnboundedScaleWider : kUnboundedScale);
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

/// How a column of arrays is held.
struct ArrayHolding {
  bool as_text = false;
  bool in_variant = false;  ///< which holds NULL, and as text what an Array cannot hold
  bool nullable_elements = false;
};

ArrayHolding array_holding(const TypeOptions& options) {
  const bool has_variant = has(options.server, kVariantSince);
  const bool variant_wanted = options.nullable && options.arrays == ArrayChoice::Variant;
  return {.as_text = variant_wanted && !has_variant,
          .in_variant = has_variant && (variant_wanted || options.width == ColumnWidth::Widest),
          .nullable_elements = options.arrays != ArrayChoice::Plain || options.width != ColumnWidth::AsChosen};
}

/// Gives the column of an array's elements the array's type.
TargetType in_array(TargetType type) {
  const std::string array = "Array(" + (type.nullable_elements ? nullable(type.value_type) : type.value_type) + ")";
  type.column_type = type.nullable ? "Variant(" + array + ", String)" : array;
  type.native_type = type.column_type;
  return type;
}

TargetType array_type(const ColumnType& type, const TypeOptions& options) {
  HeldValue element =
      default_value({.oid = type.element_oid,
                     .kind = type.element_kind,
                     .typmod = type.typmod,
                     .extension_type = type.extension_type},
                    {.server = options.server, .unbounded_numeric = options.unbounded_numeric, .width = options.width});
  const ArrayHolding holding = array_holding(options);
  if (element.form == ValueForm::SourceText || holding.as_text) return source_text(type, options.nullable);
  element.low_cardinality = false;
  TargetType array = of_value(type, element, holding.in_variant);
  array.array = ArrayForm::Postgres;
  array.nullable_elements = holding.nullable_elements;
  array.delimiter = type.element_oid == oid::kBox ? ';' : ',';
  return in_array(std::move(array));
}

/// No element of a vector is NULL.
TargetType vector_type(const ColumnType& type, const TypeOptions& options) {
  const ArrayHolding holding = array_holding(options);
  if (holding.as_text) return source_text(type, options.nullable);
  TargetType vector = of_value(type, {.form = ValueForm::Float32, .type = "Float32"}, holding.in_variant);
  vector.array = ArrayForm::Vector;
  return in_array(std::move(vector));
}

TargetType default_type(const ColumnType& type, const TypeOptions& options) {
  if (type.kind == TypeKind::Array) return array_type(type, options);
  if (type.extension_type == "vector") return vector_type(type, options);
  return of_value(type, default_value(source_value(type), options), options.nullable);
}

bool gives(const ColumnType& type, const TypeOptions& options, std::string_view wanted) {
  return is_same_type(wanted, without_nullable(default_type(type, options).column_type));
}

/// A column that was made under other options, for a server of another version maybe: the options that give it its
/// type. nullopt: none do, so an override named the type.
std::optional<TypeOptions> options_of_chosen(const ColumnType& type, const TypeOptions& now) {
  constexpr std::string_view kVariant = "Variant(";
  TypeOptions options = now;
  options.width = ColumnWidth::AsChosen;
  if (gives(type, options, now.chosen_type)) return options;
  // A Variant holds NULL, whether the source's column may be NULL by now or not.
  if (now.chosen_type.starts_with(kVariant)) options.nullable = true;
  for (const ServerVersion& server : {now.server, ServerVersion{}}) {
    for (const auto numeric : {UnboundedNumeric::Decimal, UnboundedNumeric::Decimal38, UnboundedNumeric::Text}) {
      for (const auto json : {JsonForm::Text, JsonForm::Json}) {
        for (const auto arrays : {ArrayChoice::Plain, ArrayChoice::NullableElements, ArrayChoice::Variant}) {
          options.server = server;
          options.unbounded_numeric = numeric;
          options.json = json;
          options.arrays = arrays;
          if (gives(type, options, now.chosen_type)) return options;
        }
      }
    }
  }
  return std::nullopt;
}

/// As the target has it.
TargetType chosen_type(const ColumnType& type, const TypeOptions& options) {
  TypeOptions overridden = options;
  overridden.override_type = options.chosen_type;
  std::optional<TypeOptions> made_under = options_of_chosen(type, options);
  if (made_under) made_under->width = options.width;
  TargetType chosen = made_under ? default_type(type, *made_under)
                                 : of_value(type, overridden_value(type, overridden), options.nullable);
  // Nobody need be told of a text that was asked for.
  if (is_same_type(options.override_type, options.chosen_type)) chosen.fell_back_to_text = false;
  return chosen;
}

}  // namespace

std::string without_nullable(std::string_view column_type) {
  constexpr std::string_view kNullable = "Nullable(";
  constexpr std::string_view kLowCardinality = "LowCardinality(";
  if (column_type.starts_with(kLowCardinality) && column_type.ends_with(')')) {
    column_type.remove_prefix(kLowCardinality.size());
    column_type.remove_suffix(1);
    return std::string(kLowCardinality) + without_nullable(column_type) + ")";
  }
  if (column_type.starts_with(kNullable) && column_type.ends_with(')')) {
    column_type.remove_prefix(kNullable.size());
    column_type.remove_suffix(1);
  }
  return std::string(column_type);
}

TargetType target_type(const ColumnType& type, const TypeOptions& options) {
  if (options.width == ColumnWidth::Text) {
    return of_value(type, {.form = text_form(source_value(type)), .fell_back = true}, options.nullable);
  }
  if (!options.chosen_type.empty()) return chosen_type(type, options);
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
