#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "postgres/connection.h"

namespace echodb {

/// How the values of a column are given to the source and compared with its rows. Our sessions have rights that the
/// application's roles do not, so none of their code may run in them: no CHECK of a domain, no cast, no operator. A
/// value is read by the input function of its base type, which is C; a cast, a composite's or a range's input function
/// would run what roles have attached to their types. Names may change hands between a look into the catalog and the
/// statement made from it: types are named by their oids, and operators are those of pg_catalog.
enum class GivenAs {
  Value,  ///< base types and enums, under domains: in an array of that type
  Array,  ///< arrays of PostgreSQL's base types, which have no arrays of their own: as texts, each cast
  Text,   ///< everything else: the row's text, by its output function, is compared with the text
};

/// A column as the source has it now, which may be after changes that the stream has still to bring.
struct SourceColumn {
  std::string name;                  ///< quoted where SQL needs it
  std::string type;                  ///< as declared
  std::string expression;            ///< of a generated column, otherwise empty
  std::vector<std::int16_t> inputs;  ///< attnums of the columns that the expression reads
  bool computable = false;           ///< the expression and its type are PostgreSQL's own
  GivenAs given_as = GivenAs::Text;
  std::string base_type;             ///< the type under the domains
  bool has_catalog_type = false;     ///< that type is PostgreSQL's own: its name is nobody else's
  std::uint32_t array_type_oid = 0;  ///< of that type

  /// The parameter of a statement for an array of values, as text, for unnest().
  [[nodiscard]] QueryParameter parameter(std::string array) const;
  /// The same in the statement itself. Without the oid, a value of a type that is not PostgreSQL's own is a text.
  [[nodiscard]] std::string literal(const std::string& array) const;
  [[nodiscard]] SourceColumn for_literals() const;
  /// A value that unnest() has given, as one of this column. REQUIRES: it is not given as text.
  [[nodiscard]] std::string value(const std::string& given) const;
  /// Whether the row `here` has the value that unnest() has given.
  [[nodiscard]] std::string equals(const std::string& given) const;

  bool operator==(const SourceColumn&) const = default;
};

struct SourceTable {
  std::string relation;                          ///< for FROM: "ONLY public.users"; a partitioned table without ONLY
  std::map<std::int16_t, SourceColumn> columns;  ///< by attnum

  /// nullptr when the column is no longer there.
  [[nodiscard]] const SourceColumn* find(std::int16_t attnum) const;

  bool operator==(const SourceTable&) const = default;
};

/// nullopt when the table is no longer there.
std::optional<SourceTable> read_source_table(PostgresConnection& source, Oid table);

/// Locks the table, in the transaction that is open, and reads it again: from here on its name, columns and expressions
/// are these. Its owner could have given its name to a view while we waited, whose functions would run with our rights.
/// Throws Error(SchemaMismatch) when the name is another's by now, or the table another one than it was.
void lock_source_table(PostgresConnection& source, Oid table, const SourceTable& known);
/// The same for a relation that was only looked up by name.
void lock_relation(PostgresConnection& source, Oid relation, const std::string& name);

}  // namespace echodb
