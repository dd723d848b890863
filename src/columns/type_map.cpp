#include "columns/type_map.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "columns/decimal.h"

namespace echodb {
namespace {

struct Release {
  int major;
  int minor;
};
constexpr Release kAlways{0, 0};
constexpr Release kBoolSince{22, 1};
/// Date32 and DateTime64 came earlier, but with the years 1925 to 2283 only.
constexpr Release kWideDatesSince{22, 8};
constexpr Release kDecimal256Since{22, 8};
constexpr Release kLowCardinalitySince{19, 1};
constexpr Release kVariantSince{25, 3};

constexpr int kDecimal128PrecisionMax = 38;

/// How one base type's values are held.
struct Holding {
  ValueForm form;
  std::string_view clickhouse;
};

enum class Counterpart { Yes, No };  ///< No: the type arrives as its text, which is to be counted and logged

struct Rule {
  Oid oid;
  Holding holding;
  Counterpart counterpart = Counterpart::Yes;
  Release since = kAlways;
  Holding before{ValueForm::Text, "String"};  ///< on servers older than `since`
};

constexpr Holding string(ValueForm form) { return {form, "String"}; }

// By oid, as pg_type.dat numbers them.
constexpr Rule kRules[] = {
    {16 /* bool */, {ValueForm::Bool, "Bool"}, Counterpart::Yes, kBoolSince, {ValueForm::Bool, "UInt8"}},
    {17 /* bytea */, string(ValueForm::Bytea)},
    {18 /* "char" */, string(ValueForm::Char)},
    {19 /* name */, string(ValueForm::Text)},
    {20 /* int8 */, {ValueForm::Int64, "Int64"}},
    {21 /* int2 */, {ValueForm::Int16, "Int16"}},
    {23 /* int4 */, {ValueForm::Int32, "Int32"}},
    {25 /* text */, string(ValueForm::Text)},
    {26 /* oid */, {ValueForm::UInt32, "UInt32"}},
    {27 /* tid */, string(ValueForm::TidText), Counterpart::No},
    {28 /* xid */, string(ValueForm::UInt32Text), Counterpart::No},
    {29 /* cid */, string(ValueForm::UInt32Text), Counterpart::No},
    {114 /* json */, string(ValueForm::Text)},
    {142 /* xml */, string(ValueForm::Text)},
    {700 /* float4 */, {ValueForm::Float32, "Float32"}},
    {701 /* float8 */, {ValueForm::Float64, "Float64"}},
    {774 /* macaddr8 */, string(ValueForm::MacaddrText), Counterpart::No},
    {829 /* macaddr */, string(ValueForm::MacaddrText), Counterpart::No},
    {1042 /* bpchar */, string(ValueForm::Text)},
    {1043 /* varchar */, string(ValueForm::Text)},
    {1082 /* date */, {ValueForm::Date, "Date32"}, Counterpart::Yes, kWideDatesSince, string(ValueForm::DateText)},
    {1083 /* time */, string(ValueForm::TimeText)},
    {1114 /* timestamp */,
     {ValueForm::Timestamp, "DateTime64(6, 'UTC')"},
     Counterpart::Yes,
     kWideDatesSince,
     string(ValueForm::TimestampText)},
    {1184 /* timestamptz */,
     {ValueForm::Timestamp, "DateTime64(6, 'UTC')"},
     Counterpart::Yes,
     kWideDatesSince,
     string(ValueForm::TimestampTzText)},
    {1266 /* timetz */, string(ValueForm::TimeTzText), Counterpart::No},
    {1560 /* bit */, string(ValueForm::BitText), Counterpart::No},
    {1562 /* varbit */, string(ValueForm::BitText), Counterpart::No},
    {2950 /* uuid */, {ValueForm::Uuid, "UUID"}},
    {3220 /* pg_lsn */, string(ValueForm::LsnText), Counterpart::No},
    {3802 /* jsonb */, string(ValueForm::Jsonb)},
    {5069 /* xid8 */, string(ValueForm::UInt64Text), Counterpart::No},
};
constexpr Oid kNumericOid = 1700;

/// The outcome for one value, before NULL and arrays come into it.
struct Value {
  ValueForm form;
  std::string type = "String";
  int precision = 0;
  int scale = 0;
  bool fell_back = false;
};

bool has(const ServerVersion& server, Release release) { return server.at_least(release.major, release.minor); }

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

/// A Decimal that holds every value of the modifier exactly, or the text where there is none that large. numeric(3, -2)
/// holds 99900, so Decimal(5, 0); numeric(2, 5) holds 0.00099, so Decimal(5, 5).
Value numeric_value(std::int32_t typmod, const ServerVersion& server) {
  Value text{.form = ValueForm::NumericText, .fell_back = true};
  const auto modifier = numeric_modifier(typmod);
  if (!modifier) return text;
  const int scale = std::max(modifier->scale, 0);
  const int precision = std::max(modifier->precision - std::min(modifier->scale, 0), scale);
  const int precision_max = has(server, kDecimal256Since) ? kDecimalPrecisionMax : kDecimal128PrecisionMax;
  if (precision > precision_max) return text;
  return {.form = ValueForm::Decimal,
          .type = "Decimal(" + std::to_string(precision) + ", " + std::to_string(scale) + ")",
          .precision = precision,
          .scale = scale};
}

struct SourceValue {
  Oid oid;
  TypeKind kind;
  std::int32_t typmod;
};

Value value_for(const SourceValue& source, const ServerVersion& server) {
  if (source.kind == TypeKind::Enum) return {.form = ValueForm::Text};
  if (source.kind != TypeKind::Base) return {.form = ValueForm::SourceText, .fell_back = true};
  if (source.oid == kNumericOid) return numeric_value(source.typmod, server);
  const auto* rule = std::ranges::find(kRules, source.oid, &Rule::oid);
  if (rule == std::end(kRules)) return {.form = ValueForm::SourceText, .fell_back = true};
  const Holding& holding = has(server, rule->since) ? rule->holding : rule->before;
  const bool text_instead = holding.form != rule->holding.form;
  return {.form = holding.form,
          .type = std::string(holding.clickhouse),
          .fell_back = rule->counterpart == Counterpart::No || text_instead};
}

std::string nullable(const std::string& type) { return "Nullable(" + type + ")"; }

TargetType source_text(const ColumnType& type, bool is_nullable) {
  const std::string name = is_nullable ? nullable("String") : "String";
  return {.column_type = name,
          .native_type = name,
          .value_type = "String",
          .form = ValueForm::SourceText,
          .nullable = is_nullable,
          .source_oid = type.oid,
          .fell_back_to_text = true};
}

TargetType array_type(const ColumnType& type, const TypeOptions& options) {
  const Value element =
      value_for({.oid = type.element_oid, .kind = type.element_kind, .typmod = type.typmod}, options.server);
  const bool no_null_array = options.nullable && !has(options.server, kVariantSince);
  if (element.form == ValueForm::SourceText || no_null_array) return source_text(type, options.nullable);
  std::string name = "Array(" + nullable(element.type) + ")";
  if (options.nullable) name = "Variant(" + name + ", String)";
  return {.column_type = name,
          .native_type = name,
          .value_type = element.type,
          .form = element.form,
          .array = true,
          .nullable = options.nullable,
          .precision = static_cast<std::uint8_t>(element.precision),
          .scale = static_cast<std::uint8_t>(element.scale),
          .source_oid = type.oid,
          .fell_back_to_text = element.fell_back};
}

}  // namespace

TargetType target_type(const ColumnType& type, const TypeOptions& options) {
  if (type.kind == TypeKind::Array) return array_type(type, options);
  const Value value = value_for({.oid = type.oid, .kind = type.kind, .typmod = type.typmod}, options.server);
  if (value.form == ValueForm::SourceText) return source_text(type, options.nullable);
  const std::string name = options.nullable ? nullable(value.type) : value.type;
  const bool few_values = type.kind == TypeKind::Enum && has(options.server, kLowCardinalitySince);
  return {.column_type = few_values ? "LowCardinality(" + name + ")" : name,
          .native_type = name,
          .value_type = value.type,
          .form = value.form,
          .nullable = options.nullable,
          .precision = static_cast<std::uint8_t>(value.precision),
          .scale = static_cast<std::uint8_t>(value.scale),
          .source_oid = type.oid,
          .fell_back_to_text = value.fell_back};
}

}  // namespace echodb
