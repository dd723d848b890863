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
/// would run what roles have attached to their types.
enum class GivenAs {
  Value,  ///< base types and enums, under domains: in an array of that type
  Array,  ///< arrays of base types, which have no arrays of their own: as texts, each cast
  Text,   ///< everything else: the row's text, by its output function, is compared with the text
};

/// A column as the source has it now, which may be after changes that the stream has still to bring.
struct SourceColumn {
  std::string name;                  ///< quoted where SQL needs it
  std::string type;                  ///< as declared
  std::string expression;            ///< of a generated column, otherwise empty
  std::vector<std::int16_t> inputs;  ///< attnums of the columns that the expression reads
  bool computable = false;           ///< the expression has no code of the application in it
  GivenAs given_as = GivenAs::Text;
  std::string base_type;  ///< the type under the domains
  std::string equality;   ///< the operator of the type's default index operator class, which only superusers make

  /// What unnest() is given for values of this column: "integer[]", or "text[]".
  [[nodiscard]] std::string array_type() const { return given_as == GivenAs::Value ? base_type + "[]" : "text[]"; }
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

}  // namespace echodb
