#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "clickhouse/target_client.h"

namespace echodb {

inline constexpr std::string_view kSyncedAtColumn = "_peerdb_synced_at";
inline constexpr std::string_view kIsDeletedColumn = "_peerdb_is_deleted";
inline constexpr std::string_view kVersionColumn = "_peerdb_version";
// The identity of a row of a table without a key.
inline constexpr std::string_view kRowHashColumn = "_echodb_row_hash";
inline constexpr std::string_view kLsnColumn = "_echodb_lsn";
inline constexpr std::string_view kOrdinalColumn = "_echodb_ordinal";
inline constexpr std::string_view kChangeColumn = "_echodb_change";

struct TargetTable {
  std::string database;
  std::string name;

  bool operator==(const TargetTable&) const = default;
};

struct TargetColumn {
  std::string name;
  std::string type;
  std::string default_expression;  ///< empty: the type's own default

  bool operator==(const TargetColumn&) const = default;
};

/// Everything CREATE TABLE needs. The metadata columns are added behind `columns` and `extra_columns`.
struct TableDefinition {
  TargetTable table;
  std::vector<TargetColumn> columns;        ///< the source's, in source order, names escaped
  std::vector<TargetColumn> extra_columns;  ///< ours, e.g. `bag_columns()`
  std::vector<std::string> key;             ///< ORDER BY; not empty
  bool nullable_key = false;                ///< some key column is Nullable
};

/// `CREATE TABLE IF NOT EXISTS …` in PeerDB's layout: the columns, then `_peerdb_synced_at`, `_peerdb_is_deleted`,
/// `_peerdb_version`; ReplacingMergeTree(version, is_deleted), or (version) on servers before 23.2.
std::string create_table_sql(const TableDefinition& definition, const ServerVersion& server);

/// The columns and the sorting key of a table whose source has no key.
std::vector<TargetColumn> bag_columns();
std::vector<std::string> bag_key();

/// Whether ReplacingMergeTree takes the is_deleted column, so that FINAL hides tombstones.
bool has_is_deleted_argument(const ServerVersion& server);

/// The target's name of a source column: its own, unless it is one of ours (or one of ours followed by `_source`s);
/// then one more `_source` is added. No two source columns get the same name.
std::string target_column_name(std::string_view source_name);

/// Where ADD COLUMN puts the column.
struct ColumnPlace {
  std::string after;  ///< empty: first
};

std::string add_column_sql(const TargetTable& table, const TargetColumn& column, const ColumnPlace& place);
std::string drop_column_sql(const TargetTable& table, std::string_view column);
struct ColumnRename {
  std::string from;
  std::string to;
};
std::string rename_column_sql(const TargetTable& table, const ColumnRename& rename);
/// Changes the type in place and keeps the default expression.
std::string modify_column_sql(const TargetTable& table, const TargetColumn& column);
std::string drop_table_sql(const TargetTable& table);
std::string truncate_table_sql(const TargetTable& table);
/// `database`.`name`
std::string qualified(const TargetTable& table);

}  // namespace echodb
