#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "postgres/connection.h"

namespace echodb {

/// A column as the source has it now, which may be after changes that the stream has still to bring.
struct SourceColumn {
  std::string name;                  ///< quoted where SQL needs it
  std::string type;                  ///< as declared
  std::string expression;            ///< of a generated column, otherwise empty
  std::vector<std::int16_t> inputs;  ///< attnums of the columns that the expression reads

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
