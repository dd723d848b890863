#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "clickhouse/client.h"
#include "config/settings.h"
#include "postgres/table_schema.h"

namespace echodb {

/// What a value becomes on its way: chooses the builder, and with it both decoders (binary and text).
enum class ValueForm : std::uint8_t {
  Bool,
  Int8,  ///< by override only, as are all that no PostgreSQL type has
  Int16,
  Int32,
  Int64,
  Int128,
  Int256,
  UInt8,
  UInt16,
  UInt32,
  UInt64,
  UInt128,
  UInt256,
  Float32,
  Float64,
  Decimal,
  Uuid,
  Date,        ///< Date32, days
  ShortDate,   ///< Date, by override only
  Timestamp,   ///< DateTime64(6), microseconds; both timestamp and timestamptz, always in UTC
  Seconds,     ///< DateTime, by override only
  Ticks,       ///< DateTime64 of `scale` digits, by override only
  TimeOfDay,   ///< Time64(6), by override only
  Ipv4,        ///< by override only
  Ipv6,        ///< by override only
  Char,        ///< "char": a String of one byte, or of none for zero
  Text,        ///< a String of the bytes as they are: text, json, xml, enum labels
  Jsonb,       ///< a String; the binary form has a version byte before the text
  JsonObject,  ///< JSON: json that is an object
  JsonbObject,
  Bytea,  ///< a String of the raw bytes; the text form is hex or escape
  // A String that is rendered here from the binary form, exactly as PostgreSQL's output function prints it.
  BoolText,
  Int16Text,
  Int32Text,
  Int64Text,
  UInt32Text,
  UInt64Text,
  Float32Text,
  Float64Text,
  NumericText,
  UuidText,
  ByteaText,
  DateText,
  TimestampText,
  TimestampTzText,  ///< in UTC
  TimeText,
  TimeTzText,
  IntervalText,
  InetText,  ///< cidr too
  MacaddrText,
  BitText,
  LsnText,
  TidText,
  PointText,
  LsegText,
  BoxText,
  LineText,
  PathText,
  PolygonText,
  CircleText,
  Int4RangeText,
  Int8RangeText,
  NumRangeText,
  DateRangeText,
  TsRangeText,
  TsTzRangeText,
  Int4MultirangeText,
  Int8MultirangeText,
  NumMultirangeText,
  DateMultirangeText,
  TsMultirangeText,
  TsTzMultirangeText,
  TsvectorText,
  TsqueryText,
  HstoreText,
  SourceText,  ///< a String that only the source can render from the binary form: see SourceTextColumn
};

/// How the elements of an array arrive.
enum class ArrayForm : std::uint8_t {
  None,
  Postgres,  ///< PostgreSQL's own arrays
  Vector,    ///< pgvector's vector: float4, none NULL
};

/// What a column of the source becomes. Built by `target_type`, read by `make_column` and the table's DDL.
struct TargetType {
  std::string column_type;  ///< in CREATE TABLE: "LowCardinality(Nullable(String))"
  std::string native_type;  ///< in the Native header, which ClickHouse casts to column_type: "Nullable(String)"
  std::string value_type;   ///< of a value that is not NULL, or of an array's element that is not: "String"
  ValueForm form = ValueForm::Text;  ///< of the value, or of an array's elements
  /// By override: the value is first rendered in this form, and `form` reads that text.
  std::optional<ValueForm> read_as = {};
  ArrayForm array = ArrayForm::None;
  char delimiter = ',';            ///< between an array's elements in PostgreSQL's text
  bool nullable = false;           ///< the column can hold NULL
  bool nullable_elements = false;  ///< an array's elements can be NULL
  std::uint8_t precision = 0;      ///< Decimal only
  std::uint8_t scale = 0;          ///< Decimal and Ticks only
  Oid source_oid = 0;              ///< the type of the source's values
  /// The type has no counterpart here and arrives as its text in a String: to be counted and logged once.
  bool fell_back_to_text = false;

  [[nodiscard]] bool is_array() const { return array != ArrayForm::None; }
  bool operator==(const TargetType&) const = default;
};

struct TypeOptions {
  ServerVersion server;  ///< types that this server lacks are replaced: Bool by UInt8, the others by text
  bool nullable = true;  ///< false for NOT NULL columns
  UnboundedNumeric unbounded_numeric = UnboundedNumeric::Decimal;
  JsonForm json = JsonForm::Text;
  ArrayChoice arrays = ArrayChoice::Plain;
  std::string override_type = {};  ///< the ClickHouse type the operator wants for this column; empty: none
  /// The type that the target's column has, as `without_nullable` spells it. Comes before all that is asked for above;
  /// empty: the column has still to be made.
  std::string chosen_type = {};
  /// A value came that the type cannot hold. Of an array NullableElements is Array(Nullable(T)) and Widest the Variant,
  /// of numeric without a precision Widest is Decimal(76, 38); where there is no such type it is the one before. Text
  /// is a String, whatever the type.
  ColumnWidth width = ColumnWidth::AsChosen;
};

/// The one place that decides which ClickHouse type a PostgreSQL type becomes; `docs/types.md` is its page.
/// What has no counterpart becomes its text. Throws Error(InvalidConfiguration) only when `override_type` or
/// `chosen_type` is not possible for the column: see columns/type_override.h for asking before.
TargetType target_type(const ColumnType& type, const TypeOptions& options);

/// A column's type as ClickHouse spells it, without the Nullable that follows from NOT NULL: the same for
/// "Nullable(Int32)" and "Int32", for "LowCardinality(Nullable(String))" and "LowCardinality(String)".
std::string without_nullable(std::string_view column_type);

}  // namespace echodb
