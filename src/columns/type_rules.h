#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "columns/type_map.h"

namespace echodb {

/// The first ClickHouse release that has something.
struct Release {
  int major;
  int minor;
};

inline bool has(const ServerVersion& server, Release release) { return server.at_least(release.major, release.minor); }

inline constexpr Release kAlways{0, 0};
inline constexpr Release kBoolSince{22, 1};
/// Date32 and DateTime64 came earlier, but with the years 1925 to 2283 only.
inline constexpr Release kWideDatesSince{22, 8};
inline constexpr Release kDecimal256Since{22, 8};
inline constexpr Release kLowCardinalitySince{19, 1};
inline constexpr Release kVariantSince{25, 3};
inline constexpr Release kJsonSince{25, 3};
inline constexpr Release kTime64Since{25, 6};

namespace oid {
inline constexpr Oid kInt8 = 20;
inline constexpr Oid kInt2 = 21;
inline constexpr Oid kInt4 = 23;
inline constexpr Oid kOid = 26;
inline constexpr Oid kJson = 114;
inline constexpr Oid kBox = 603;
inline constexpr Oid kCidr = 650;
inline constexpr Oid kInet = 869;
inline constexpr Oid kDate = 1082;
inline constexpr Oid kTime = 1083;
inline constexpr Oid kTimestamp = 1114;
inline constexpr Oid kTimestampTz = 1184;
inline constexpr Oid kNumeric = 1700;
inline constexpr Oid kJsonb = 3802;
}  // namespace oid

/// How one type's values are held.
struct Holding {
  ValueForm form;
  std::string_view clickhouse;
};

enum class Counterpart { Yes, No };  ///< No: the type arrives as its text, which is to be counted and logged

/// What a type of PostgreSQL, or of an extension we know, becomes.
struct TypeRule {
  Holding holding;
  ValueForm text;  ///< the form that renders the value as PostgreSQL prints it
  Counterpart counterpart = Counterpart::Yes;
  Release since = kAlways;
  Holding before{ValueForm::Text, "String"};  ///< on servers older than `since`
};

/// One value's type, or that of an array's elements: domains resolved.
struct SourceValue {
  Oid oid;
  TypeKind kind;
  std::int32_t typmod;
  std::string_view extension_type;
};

/// nullptr for types of which only the source knows the text. numeric has no rule: its modifier decides.
const TypeRule* find_rule(const SourceValue& source);

/// The form that renders the value's text as PostgreSQL prints it; SourceText where only the source can.
ValueForm text_form(const SourceValue& source);

/// The outcome for one value, before NULL and arrays come into it.
struct HeldValue {
  ValueForm form;
  std::string type = "String";
  std::optional<ValueForm> read_as = {};
  int precision = 0;
  int scale = 0;
  bool low_cardinality = false;
  bool fell_back = false;
};

}  // namespace echodb
