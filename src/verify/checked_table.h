#pragma once

#include <memory>
#include <string>
#include <vector>

#include "catalog/records.h"
#include "replication/table_plan.h"
#include "verify/row_digest.h"

namespace echodb {

/// A table as a check sees it: the schema that is in force for the stream, and what its columns are in the target.
/// Immutable.
struct CheckedTable {
  Oid oid = 0;
  std::string schema_name;
  std::string name;
  StreamRecord stream;
  TargetTable target;
  ServerVersion server;
  std::shared_ptr<const TablePlan> plan;
  /// The plan's columns as the target has them: the same, or Nullable on one side only.
  std::vector<TargetType> target_types;
  bool in_place = false;      ///< the server can compute a row's digest
  bool key_in_place = false;  ///< and its key's

  [[nodiscard]] std::string qualified_name() const { return schema_name + "." + name; }
  [[nodiscard]] std::string quoted(std::size_t column) const;
  [[nodiscard]] std::string row_digest() const;  ///< as an expression of ClickHouse's
  [[nodiscard]] std::string key_digest() const;
  /// `database`.`table` FINAL WHERE the row is live and `condition` holds (empty: always).
  [[nodiscard]] std::string live_rows(const std::string& condition) const;
};

/// The schema in force of a table's record, with the columns that got another type.
TableSchema schema_in_force(const TableRecord& record);

/// The detail of the error that names a table or column which the target does not have.
inline constexpr const char* kGoneFromTarget = "gone";

/// Looks at the target. Throws Error(SchemaMismatch) when its columns are not the schema's.
CheckedTable look_at_table(const StreamRecord& stream, const TableRecord& record, const TypeChoices& choices,
                           const std::string& database, ClickHouseClient& clickhouse);

}  // namespace echodb
