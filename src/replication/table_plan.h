#pragma once

#include <string>
#include <vector>

#include "clickhouse/table_ddl.h"
#include "postgres/pgoutput.h"
#include "postgres/table_schema.h"
#include "replication/type_choices.h"

namespace echodb {

/// One column of the rows we insert.
struct PlannedColumn {
  std::int16_t attnum = 0;
  std::string source_name;
  std::string target_name;
  TargetType type;
  bool generated = false;  ///< STORED: in the table, not in the stream
};

/// How rows of a table that were written under one schema become rows of its target as it is today. Immutable.
///
/// The two differ when the log is read again after a crash: a row from before an ADD, DROP or RENAME COLUMN meets a
/// target that has been changed already. Columns are matched by attnum, which survives renames; a column that is no
/// longer there is left out.
class TablePlan {
 public:
  TablePlan(const TableSchema& then, const TableSchema& now, const TypeChoices& choices);

  [[nodiscard]] const std::vector<PlannedColumn>& columns() const { return columns_; }
  /// Indexes into columns(), in key order; empty for a table without a key.
  [[nodiscard]] const std::vector<std::size_t>& key() const { return key_; }
  [[nodiscard]] bool is_bag() const { return key_.empty(); }
  [[nodiscard]] bool has_json() const;  ///< of ClickHouse's type
  [[nodiscard]] const TableSchema& schema() const { return then_; }

  /// For each column of a streamed row, as the session's last Relation message named them, the index into columns();
  /// kNowhere when the target has it no more. Throws Error(SchemaMismatch) when the names are not this plan's schema.
  static constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);
  [[nodiscard]] std::vector<std::size_t> positions(const std::vector<std::string>& published) const;

  /// `INSERT INTO target (columns…) FORMAT Native`
  [[nodiscard]] std::string insert_sql(const TargetTable& target) const;

 private:
  TableSchema then_;
  std::vector<PlannedColumn> columns_;
  std::vector<std::size_t> key_;
};

/// The ClickHouse expression of what rows hold that are older than the column; empty: NULL, or the type's own default.
/// Throws Error(UnsupportedValue), with the column, when its type cannot hold that.
std::string older_rows_value(const TableSchema& schema, const Column& column, const TypeChoices& choices);

/// What CREATE TABLE makes of a source table. Rows that are older than a column may still come, read again, after the
/// table was made with it.
TableDefinition table_definition(const TableSchema& schema, const TargetTable& target, const TypeChoices& choices);

}  // namespace echodb
