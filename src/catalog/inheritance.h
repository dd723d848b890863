#pragma once

#include <string>
#include <vector>

#include "config/settings.h"
#include "postgres/connection.h"

namespace echodb {

// Inheritance (INHERITS, not partitions). `SELECT … FROM parent` in PostgreSQL returns the rows of the tables that
// inherit from it, too. The mirror of the parent holds its own rows only, because each of the others is a mirror of its
// own and no key is unique over all of them; so each such table is named wherever tables are shown. The same goes for a
// partitioned table with partitions that are foreign tables.

/// A table that inherits from another one, directly or not.
struct Heir {
  Oid oid = 0;
  std::string name;      ///< schema.name
  bool watched = false;  ///< by the settings: its rows are in a mirror of its own
};

/// A table that others inherit from.
struct ParentTable {
  Oid oid = 0;
  std::string name;  ///< schema.name
  bool watched = false;
  bool partitioned = false;  ///< its heirs are its foreign partitions
  std::vector<Heir> heirs;   ///< by name; not empty

  [[nodiscard]] std::size_t heirs_not_watched() const;
  /// A clause without a subject: "holds its own rows only; …", with the first few names.
  [[nodiscard]] std::string words() const;
};

/// All of the database, watched or not, as of now. Needs nothing of ours in the source.
std::vector<ParentTable> find_parents(PostgresConnection& source, const Settings& settings);

}  // namespace echodb
