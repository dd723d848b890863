#pragma once

#include <string>
#include <vector>

#include "clickhouse/table_ddl.h"
#include "postgres/table_schema.h"
#include "replication/type_choices.h"

namespace echodb {

/// What a new schema asks of the target.
struct SchemaChange {
  enum class Effort {
    Nothing,  ///< the target is right as it is
    Alter,    ///< the statements do it
    Rebuild,  ///< the sorting key changes: ClickHouse writes the rows again, the source is not asked
    Recopy,   ///< the rows themselves changed, or the target cannot derive them: copy again into a shadow table
  };
  Effort effort = Effort::Nothing;
  std::vector<std::string> statements;    ///< for Alter, and before Rebuild; each safe to repeat
  bool takes_columns = false;             ///< a statement renames or drops one: see late_inserts.h
  std::vector<ColumnRename> key_renames;  ///< for Rebuild: ClickHouse cannot rename a key column in place
  std::string reason;                     ///< for Rebuild and Recopy, for the log
};

/// Whether PostgreSQL rewrote the rows between two schemas.
enum class Rewrite {
  None,
  Plain,    ///< each value of a column with a new type is the cast of the old one
  Unknown,  ///< the rows may be anything
};

/// Compares two schemas of one table by attnum.
struct SchemaPair {
  const TableSchema& before;
  const TableSchema& after;
  Rewrite rewrite = Rewrite::None;
};
SchemaChange compare_schemas(const SchemaPair& pair, const TargetTable& target, const TypeChoices& choices);

}  // namespace echodb
