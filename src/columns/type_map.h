#pragma once

#include <cstdint>
#include <string>

#include "clickhouse/client.h"
#include "postgres/table_schema.h"

namespace echodb {

/// What a value becomes on its way: chooses the builder, and with it both decoders (binary and text).
enum class ValueForm : std::uint8_t {
  Bool,
  Int16,
  Int32,
  Int64,
  UInt32,
  Float32,
  Float64,
  Decimal,
  Uuid,
  Date,       ///< Date32, days
  Timestamp,  ///< DateTime64(6), microseconds; both timestamp and timestamptz, always in UTC
  Char,       ///< "char": a String of one byte, or of none for zero
  Text,       ///< a String of the bytes as they are: text, json, xml, enum labels
  Jsonb,      ///< a String; the binary form has a version byte before the text
  Bytea,      ///< a String of the raw bytes; the text form is hex or escape
  // A String that is rendered here from the binary form, exactly as PostgreSQL's output function prints it.
  NumericText,
  DateText,
  TimestampText,
  TimestampTzText,  ///< in UTC
  TimeText,
  TimeTzText,
  BitText,
  LsnText,
  MacaddrText,
  UInt32Text,
  UInt64Text,
  TidText,
  SourceText,  ///< a String that only the source can render from the binary form: see SourceTextColumn
};

/// What a column of the source becomes. Built by `target_type`, read by `make_column` and the table's DDL.
struct TargetType {
  std::string column_type;  ///< in CREATE TABLE: "LowCardinality(Nullable(String))"
  std::string native_type;  ///< in the Native header, which ClickHouse casts to column_type: "Nullable(String)"
  std::string value_type;   ///< of a value that is not NULL, or of an array's element that is not: "String"
  ValueForm form = ValueForm::Text;  ///< of the value, or of an array's elements
  bool array = false;
  bool nullable = false;
  std::uint8_t precision = 0;  ///< Decimal only
  std::uint8_t scale = 0;      ///< Decimal only
  Oid source_oid = 0;          ///< the type of the source's values
  /// The type has no counterpart here and arrives as its text in a String: to be counted and logged once.
  bool fell_back_to_text = false;

  bool operator==(const TargetType&) const = default;
};

struct TypeOptions {
  ServerVersion server;  ///< types that this server lacks are replaced: Bool by UInt8, the others by text
  bool nullable = true;  ///< false for NOT NULL columns
};

/// The one place that decides which ClickHouse type a PostgreSQL type becomes; `docs/types.md` is its page.
/// Never throws: what has no counterpart becomes its text.
TargetType target_type(const ColumnType& type, const TypeOptions& options);

}  // namespace echodb
