#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "postgres/lsn.h"

namespace echodb {

/// pg_type.typtype, with arrays told apart.
enum class TypeKind : char {
  Base = 'b',
  Composite = 'c',
  Domain = 'd',
  Enum = 'e',
  Multirange = 'm',
  Pseudo = 'p',
  Range = 'r',
  Array = 'a'
};

/// A column's type after its domains are resolved: what the value's bytes are.
struct ColumnType {
  Oid oid = 0;               ///< the type whose format the values have (a domain's base type)
  std::int32_t typmod = -1;  ///< its modifier; -1 none
  TypeKind kind = TypeKind::Base;
  std::string declared;  ///< as declared, for people: "numeric(10,2)", "my_domain", "text[]"
  Oid element_oid = 0;   ///< arrays: the element's type, domains resolved; otherwise 0
  TypeKind element_kind = TypeKind::Base;
  /// The name of a type, or of an array's element, that one of the extensions we know brings, since its oid is another
  /// one in every database: "citext", "hstore", "vector", "geometry"…; empty for all others.
  std::string extension_type = {};

  bool operator==(const ColumnType&) const = default;
};
/// Whether they are the same but for what they are called: values look and travel alike.
bool same_values(const ColumnType& left, const ColumnType& right);

/// How much a column's counterpart in the target holds. Each holds what the one before it does; the fewer values it has
/// to hold, the more queries take it.
enum class ColumnWidth : std::uint8_t {
  AsChosen,          ///< what the type's values are as a rule
  NullableElements,  ///< of an array also elements that are NULL
  Widest,            ///< of an array also NULL and any dimensions, of numeric without a precision more digits
  Text,              ///< everything: PostgreSQL's text
};

/// One live column.
struct Column {
  std::int16_t attnum = 0;  ///< the column's identity: it survives renames, and is never used again
  std::string name;
  ColumnType type;
  bool not_null = false;
  bool generated = false;  ///< GENERATED ALWAYS AS …; in the stream only when STORED and since PostgreSQL 18
  /// Stands for the expression of a generated column that is not stored: it may change without a rewrite of the table.
  std::string virtual_expression = {};
  std::optional<std::string> missing_value;  ///< attmissingval as text: what rows older than the column hold
  /// Not the source's: a value came that the type's counterpart cannot hold, so the column has a wider type.
  ColumnWidth width = ColumnWidth::AsChosen;
  /// Not the source's: the ClickHouse type that the target's column was made with, without Nullable. It stays for as
  /// long as the column, whatever the settings say later. Empty: not chosen yet.
  std::string chosen_type = {};

  bool operator==(const Column&) const = default;
};

enum class ReplicaIdentity : char { Default = 'd', Nothing = 'n', Full = 'f', Index = 'i' };

/// A table's catalog entry at one point of the log, as `_echodb.table_snapshot(oid)` writes it in JSON.
struct TableSchema {
  Oid oid = 0;
  std::string schema;
  std::string name;
  char relkind = 'r';  ///< 'r' ordinary, 'p' partitioned
  ReplicaIdentity replica_identity = ReplicaIdentity::Default;
  Oid partition_parent = 0;               ///< the root of the partition tree this table is a leaf of; 0 none
  Oid relfilenode = 0;                    ///< changes when the table is rewritten or truncated
  std::vector<Column> columns;            ///< live ones in attnum order
  std::vector<std::int16_t> primary_key;  ///< attnums in index order; empty: none
  std::vector<std::int16_t>
      identity_index;  ///< REPLICA IDENTITY USING INDEX: its attnums in index order; otherwise empty

  bool operator==(const TableSchema&) const = default;

  /// "public.users"
  [[nodiscard]] std::string qualified_name() const { return schema + "." + name; }
  /// nullptr when there is no live column of that number.
  [[nodiscard]] const Column* find_column(std::int16_t attnum) const;
  /// The columns that tell rows apart, in key order; empty for a bag. REPLICA IDENTITY USING INDEX comes before the
  /// primary key: the stream names deleted and re-keyed rows by that index alone.
  [[nodiscard]] const std::vector<std::int16_t>& key() const {
    return identity_index.empty() ? primary_key : identity_index;
  }
};

/// Throws Error(ProtocolViolation) when the text is not such a snapshot.
TableSchema parse_table_schema(std::string_view json);

}  // namespace echodb
