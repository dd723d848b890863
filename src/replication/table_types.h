#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "replication/table_parts.h"
#include "replication/worker_status.h"

namespace echodb {

/// The types that columns have in the target: chosen once, kept, and told of.
class TableTypes {
 public:
  explicit TableTypes(const TableParts& parts) : parts_(parts) {}

  /// The columns go on as they are in the table, if one is given; for the others a type is chosen.
  void give(TableSchema& schema, const MirroredTable* table) const;
  /// Tables of an earlier version have no types on record: those of their targets count, for all that is there already.
  /// A table that has none yet is given the types of today. Whether there is something to put on record.
  bool complete(MirroredTable& table, const TargetTable& holder, TargetClient& clickhouse) const;
  /// The rows that are there have NULL in a column that is added without a value, and an array that holds none would
  /// show them as empty: such a column gets a wider type.
  void widen_added_arrays(MirroredTable& table, TableVersion& version) const;

  /// The table has got, or changed, its columns.
  void note(const MirroredTable& table);
  void forget(Oid table);
  /// A setting that was changed counts for new columns only.
  void warn_of_kept(const MirroredTable& table) const;
  /// Columns that the settings of today would make another type of.
  [[nodiscard]] std::vector<KeptType> kept_of(Oid table) const;
  /// The type that a column has in the target; "text" for one that became text.
  [[nodiscard]] std::string for_people(const MirroredTable& table, std::int16_t attnum) const;
  /// Types without a counterpart in the target, with the number of columns that have them now.
  [[nodiscard]] std::vector<TextFallback> text_fallbacks() const;

 private:
  const TableParts& parts_;
  std::map<Oid, std::vector<std::string>> fallbacks_;  ///< by table, one entry a column
  std::map<Oid, std::vector<KeptType>> kept_;          ///< by table
};

}  // namespace echodb
