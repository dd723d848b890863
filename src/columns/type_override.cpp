#include "columns/type_override.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/trimmed.h"
#include "columns/decimal.h"

namespace echodb {
namespace {

constexpr int kTicksScaleMax = 9;
constexpr std::string_view kAlwaysPossible = "String or LowCardinality(String)";

/// A type as the operator spells it, taken apart: DateTime64(3, 'UTC') is the name and two arguments.
struct SpelledType {
  std::string name;
  std::vector<std::string> arguments;

  bool operator==(const SpelledType&) const = default;
};

SpelledType spelled(std::string_view text) {
  text = trimmed(text);
  const std::size_t open = text.find('(');
  if (open == std::string_view::npos || !text.ends_with(')')) return {.name = std::string(text), .arguments = {}};
  SpelledType type{.name = std::string(trimmed(text.substr(0, open))), .arguments = {}};
  std::string_view rest = text.substr(open + 1, text.size() - open - 2);
  while (true) {
    const std::size_t comma = rest.find(',');
    type.arguments.emplace_back(trimmed(rest.substr(0, comma)));
    if (comma == std::string_view::npos) return type;
    rest.remove_prefix(comma + 1);
  }
}

std::optional<int> number(const std::string& text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// 'Europe/Berlin' with its quotes.
bool is_zone(std::string_view text) {
  if (text.size() < 3 || !text.starts_with('\'') || !text.ends_with('\'')) return false;
  return text.substr(1, text.size() - 2).find_first_of("'\\() ,") == std::string_view::npos;
}

struct IntegerName {
  std::string_view name;
  ValueForm form;
};
constexpr IntegerName kIntegers[] = {
    {"Int8", ValueForm::Int8},     {"Int16", ValueForm::Int16},     {"Int32", ValueForm::Int32},
    {"Int64", ValueForm::Int64},   {"Int128", ValueForm::Int128},   {"Int256", ValueForm::Int256},
    {"UInt8", ValueForm::UInt8},   {"UInt16", ValueForm::UInt16},   {"UInt32", ValueForm::UInt32},
    {"UInt64", ValueForm::UInt64}, {"UInt128", ValueForm::UInt128}, {"UInt256", ValueForm::UInt256}};

/// What values are made of, as far as overrides tell them apart.
enum class Family { Number, Date, Time, Timestamp, TimestampTz, Address, Json, Other };

Family family(Oid oid) {
  switch (oid) {
    case oid::kInt2:
    case oid::kInt4:
    case oid::kInt8:
    case oid::kOid:
    case oid::kNumeric: return Family::Number;
    case oid::kDate: return Family::Date;
    case oid::kTime: return Family::Time;
    case oid::kTimestamp: return Family::Timestamp;
    case oid::kTimestampTz: return Family::TimestampTz;
    case oid::kInet:
    case oid::kCidr: return Family::Address;
    case oid::kJson:
    case oid::kJsonb: return Family::Json;
    default: return Family::Other;
  }
}

/// What else than its text a value of the family can become.
std::string_view possible(Family family) {
  switch (family) {
    case Family::Number: return "Int8 … Int256, UInt8 … UInt256, Decimal(p, s), ";
    case Family::Date: return "Date32, Date, ";
    case Family::Time: return "Time64(6), ";
    case Family::Timestamp: return "DateTime64(0 … 9, 'UTC'), DateTime('UTC'), ";
    case Family::TimestampTz: return "DateTime64(0 … 9, 'zone'), DateTime('zone'), ";
    case Family::Address: return "IPv4, IPv6, ";
    case Family::Json: return "JSON, ";
    case Family::Other: break;
  }
  return "";
}

/// A timestamp without a zone is the same on every clock only as UTC; a timestamptz may be shown in any zone.
std::optional<HeldValue> moment(const SpelledType& wanted, std::size_t place, bool zone_is_free) {
  const std::size_t given = wanted.arguments.size();
  if (given > place + 1 || (given == place && !zone_is_free)) return std::nullopt;
  if (given == place + 1) {
    const std::string& zone = wanted.arguments[place];
    if (zone_is_free ? !is_zone(zone) : zone != "'UTC'") return std::nullopt;
  }
  HeldValue value{.form = ValueForm::Seconds, .type = wanted.name};
  if (given > 0) value.type += fmt::format("({})", fmt::join(wanted.arguments, ", "));
  return value;
}

std::optional<HeldValue> moment(const SpelledType& wanted, bool zone_is_free) {
  if (wanted.name == "DateTime") return moment(wanted, 0, zone_is_free);
  if (wanted.name != "DateTime64" || wanted.arguments.empty()) return std::nullopt;
  const std::optional<int> scale = number(wanted.arguments[0]);
  if (!scale || *scale < 0 || *scale > kTicksScaleMax) return std::nullopt;
  std::optional<HeldValue> value = moment(wanted, 1, zone_is_free);
  if (value) {
    value->form = ValueForm::Ticks;
    value->scale = *scale;
  }
  return value;
}

std::optional<HeldValue> whole_number_or_decimal(const SpelledType& wanted) {
  if (wanted.name == "Decimal" && (wanted.arguments.size() == 1 || wanted.arguments.size() == 2)) {
    const std::optional<int> precision = number(wanted.arguments[0]);
    const std::optional<int> scale = wanted.arguments.size() == 1 ? 0 : number(wanted.arguments[1]);
    if (!precision || !scale || *precision < 1 || *precision > kDecimalPrecisionMax || *scale < 0 ||
        *scale > *precision) {
      return std::nullopt;
    }
    return HeldValue{.form = ValueForm::Decimal,
                     .type = decimal_name({.precision = *precision, .scale = *scale}),
                     .precision = *precision,
                     .scale = *scale};
  }
  const auto* integer = std::ranges::find(kIntegers, wanted.name, &IntegerName::name);
  if (integer == std::end(kIntegers) || !wanted.arguments.empty()) return std::nullopt;
  return HeldValue{.form = integer->form, .type = wanted.name};
}

/// What the family's values become, if they can.
std::optional<HeldValue> converted(Family family, const SpelledType& wanted) {
  auto plain = [&wanted](std::string_view name, ValueForm form) -> std::optional<HeldValue> {
    if (wanted != SpelledType{.name = std::string(name), .arguments = {}}) return std::nullopt;
    return HeldValue{.form = form, .type = std::string(name)};
  };
  switch (family) {
    case Family::Number: return whole_number_or_decimal(wanted);
    case Family::Date: {
      auto wide = plain("Date32", ValueForm::Date);
      return wide ? wide : plain("Date", ValueForm::ShortDate);
    }
    case Family::Time: {
      if (wanted != SpelledType{.name = "Time64", .arguments = {"6"}}) return std::nullopt;
      return HeldValue{.form = ValueForm::TimeOfDay, .type = "Time64(6)"};
    }
    case Family::Timestamp: return moment(wanted, false);
    case Family::TimestampTz: return moment(wanted, true);
    case Family::Address: {
      auto ipv4 = plain("IPv4", ValueForm::Ipv4);
      return ipv4 ? ipv4 : plain("IPv6", ValueForm::Ipv6);
    }
    case Family::Json: return plain("JSON", ValueForm::JsonObject);
    case Family::Other: break;
  }
  return std::nullopt;
}

bool server_has(const HeldValue& value, const ServerVersion& server) {
  if (value.low_cardinality) return has(server, kLowCardinalitySince);
  if (value.type == "JSON") return has(server, kJsonSince);
  if (value.form == ValueForm::TimeOfDay) return has(server, kTime64Since);
  if (value.form == ValueForm::Decimal && value.precision > kDecimal128PrecisionMax)
    return has(server, kDecimal256Since);
  return true;
}

bool is_text(const SpelledType& wanted) { return wanted == spelled("String"); }
bool is_few_texts(const SpelledType& wanted) { return wanted == spelled("LowCardinality(String)"); }

std::optional<HeldValue> outcome(const ColumnType& type, const SpelledType& wanted) {
  const SourceValue source = source_value(type);
  const ValueForm text = text_form(source);
  if (is_text(wanted)) return HeldValue{.form = text};
  if (is_few_texts(wanted)) return HeldValue{.form = text, .low_cardinality = true};
  if (type.kind != TypeKind::Base || !type.extension_type.empty()) return std::nullopt;
  std::optional<HeldValue> value = converted(family(type.oid), wanted);
  if (!value) return std::nullopt;
  if (value->form == ValueForm::JsonObject) return json_value(source);
  value->read_as = text;
  return value;
}

}  // namespace

std::string decimal_name(DecimalShape shape) { return fmt::format("Decimal({}, {})", shape.precision, shape.scale); }

HeldValue json_value(const SourceValue& source) {
  return {.form = source.oid == oid::kJsonb ? ValueForm::JsonbObject : ValueForm::JsonObject, .type = "JSON"};
}

SourceValue source_value(const ColumnType& type) {
  // An array's extension type is that of its elements.
  const bool is_array = type.kind == TypeKind::Array;
  return {.oid = type.oid,
          .kind = type.kind,
          .typmod = type.typmod,
          .extension_type = is_array ? std::string_view() : std::string_view(type.extension_type)};
}

bool is_same_type(std::string_view override_type, std::string_view clickhouse_type) {
  return spelled(override_type) == spelled(clickhouse_type);
}

HeldValue overridden_value(const ColumnType& type, const TypeOptions& options) {
  const std::optional<HeldValue> value = outcome(type, spelled(options.override_type));
  if (value && server_has(*value, options.server)) return *value;
  const Family of = type.kind == TypeKind::Base && type.extension_type.empty() ? family(type.oid) : Family::Other;
  throw Error(
      ErrorCode::InvalidConfiguration,
      fmt::format("{} cannot become {}{}", type.declared, options.override_type,
                  value ? " on a ClickHouse of this version" : ""),
      fmt::format("possible are {}{}, without Nullable, which follows from NOT NULL", possible(of), kAlwaysPossible));
}

void check_override_name(std::string_view clickhouse_type) {
  const SpelledType wanted = spelled(clickhouse_type);
  if (is_text(wanted) || is_few_texts(wanted)) return;
  // What some columns become anyhow.
  for (std::string_view name : {"Bool", "Float32", "Float64", "UUID"}) {
    if (is_same_type(clickhouse_type, name)) return;
  }
  for (Family family :
       {Family::Number, Family::Date, Family::Time, Family::TimestampTz, Family::Address, Family::Json}) {
    if (converted(family, wanted)) return;
  }
  throw Error(ErrorCode::InvalidConfiguration, fmt::format("no column can become {}", clickhouse_type),
              fmt::format("possible are, by the column's type, {}{}{}{}{}{}{}", possible(Family::Number),
                          possible(Family::Date), possible(Family::Time), possible(Family::TimestampTz),
                          possible(Family::Address), possible(Family::Json), kAlwaysPossible));
}

void check_override(std::string_view column, const ColumnType& type, const TypeOptions& options) {
  try {
    target_type(type, options);
  } catch (Error& error) {
    throw std::move(error.with("column", column));
  }
}

}  // namespace echodb
