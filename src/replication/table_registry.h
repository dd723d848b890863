#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "replication/mirrored_table.h"

namespace echodb {

/// The target name for a source table: its own, or schema_name, or that with a number, whichever is free. Names that
/// EchoDB gives to tables of its own are never free.
std::string choose_target_name(const std::string& schema, const std::string& name,
                               const std::function<bool(const std::string&)>& taken);

/// The table that is filled behind the back of a source table's target.
TargetTable shadow_table(const std::string& database, Oid table);

/// The tables of one stream: by oid, with their target names and lanes. Owned by the stream's thread.
class TableRegistry {
 public:
  TableRegistry(std::vector<TableRecord> records, TypeChoices choices, std::string database);

  /// nullptr when the table is not ours.
  MirroredTable* find(Oid oid);
  /// A table seen for the first time. Its target name is its own, or schema_name when that is taken.
  MirroredTable& add(TableRecord record, TableVersion version);
  /// Forgets a dropped table. REQUIRES: its lane has nothing to do.
  void remove(Oid oid);

  /// The schema in force for a change at this position, its plan made.
  LiveVersion& version_at(MirroredTable& table, Lsn change);
  /// Adds a schema, or replaces the newest when it is of the same position, and forgets the plans, which depend on it.
  void add_version(MirroredTable& table, TableVersion version);
  /// The columns of a row of this table in the log, by the session's last Relation message; nullptr before the first.
  /// The message does not come again for a table that was taken for dropped and is there: so it outlives MirroredTable.
  [[nodiscard]] const std::vector<std::string>* streamed_columns(Oid oid) const;
  void note_streamed(Oid oid, std::vector<std::string> columns);

  /// From now on the column has the wider type, under every schema the table has had.
  void widen(MirroredTable& table, const WidenedColumn& column);
  /// The least width that gives the column a type which may hold what this error refused.
  [[nodiscard]] ColumnWidth width_for(const MirroredTable& table, const Column& column, const Error& error) const;

  /// The table to write to now: the target, or its shadow.
  [[nodiscard]] TargetTable write_target(const MirroredTable& table) const;
  [[nodiscard]] TargetTable target(const MirroredTable& table) const { return {database_, table.record.target_name}; }
  [[nodiscard]] TargetTable shadow(const MirroredTable& table) const;
  [[nodiscard]] const ServerVersion& server() const { return choices_.server; }
  [[nodiscard]] const TypeChoices& choices() const { return choices_; }

  /// Follows a renamed source table. Returns the lanes of what has the new name, or had it and may still do something
  /// to it.
  Lanes rename_target(MirroredTable& table, const std::string& name);
  /// Whether a table that is not dropped, another one than `but_for`, has this name.
  [[nodiscard]] bool is_taken(const std::string& target_name, const MirroredTable* but_for = nullptr) const;
  [[nodiscard]] std::string free_target_name(const std::string& schema, const std::string& name,
                                             const MirroredTable* but_for = nullptr) const;

  template <typename Visit>
  void for_each(Visit visit) {
    for (auto& [oid, table] : tables_) visit(*table);
  }
  [[nodiscard]] std::size_t size() const { return tables_.size(); }

 private:
  static void forget_plans(MirroredTable& table);
  static void share_types(MirroredTable& table);
  void give_lane(MirroredTable& table);
  void give_names();
  Lanes take_name(const MirroredTable& table);

  TypeChoices choices_;
  std::string database_;
  std::unordered_map<Oid, std::unique_ptr<MirroredTable>> tables_;
  std::unordered_map<std::string, Lanes> lanes_;  ///< by target name: of what has, or had, it
  std::unordered_map<Oid, std::vector<std::string>> streamed_;
};

}  // namespace echodb
