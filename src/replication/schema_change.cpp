#include "replication/schema_change.h"

#include <algorithm>
#include <array>

#include "columns/default_expression.h"
#include "replication/table_plan.h"

namespace echodb {
namespace {

using Effort = SchemaChange::Effort;

// Type oids of pg_type.dat.
constexpr Oid kInt8 = 20;
constexpr Oid kInt2 = 21;
constexpr Oid kInt4 = 23;
constexpr Oid kFloat4 = 700;
constexpr Oid kFloat8 = 701;

/// A rewrite that turns every value into one that ClickHouse's own cast gives too.
bool widens(const ColumnType& before, const ColumnType& after) {
  constexpr std::array<std::pair<Oid, Oid>, 4> kWidenings{
      {{kInt2, kInt4}, {kInt2, kInt8}, {kInt4, kInt8}, {kFloat4, kFloat8}}};
  return std::ranges::find(kWidenings, std::pair(before.oid, after.oid)) != kWidenings.end();
}

class Comparison {
 public:
  Comparison(const SchemaPair& pair, const TargetTable& target, const ServerVersion& server)
      : before_(pair.before), after_(pair.after), rewritten_(pair.rewritten), target_(target), server_(server) {}

  SchemaChange run() {
    if (before_.key().empty() != after_.key().empty() || before_.key() != after_.key()) compare_keys();
    for (const Column& column : before_.columns) {
      if (const Column* same = after_.find_column(column.attnum)) {
        compare_columns(column, *same);
      } else {
        dropped(column);
      }
    }
    for (std::size_t place = 0; place < after_.columns.size(); ++place) {
      if (before_.find_column(after_.columns[place].attnum) == nullptr) added(place);
    }
    if (rewritten_ && !explained_rewrite_) raise(Effort::Recopy, "PostgreSQL rewrote the table");
    return std::move(change_);
  }

 private:
  void raise(Effort effort, std::string reason) {
    if (effort <= change_.effort) return;
    change_.effort = effort;
    change_.reason = std::move(reason);
  }

  void alter(std::string statement) {
    raise(Effort::Alter, {});
    change_.statements.push_back(std::move(statement));
  }

  void compare_keys() {
    if (after_.key().empty()) {
      raise(Effort::Recopy, "the table has lost its key");
    } else {
      raise(Effort::Rebuild, "the table's key has changed");
    }
  }

  void compare_columns(const Column& before, const Column& after) {
    std::string from = target_column_name(before.name);
    std::string to = target_column_name(after.name);
    if (from != to) {
      if (!has_rename_column()) return raise(Effort::Recopy, "a column was renamed");
      renamed({.from = from, .to = to}, before_key_contains(before.attnum));
    }
    if (before.type != after.type) compare_types(before, after);
    TargetType type_before = column_target_type(before, server_);
    TargetType type_after = column_target_type(after, server_);
    // SET NOT NULL leaves the target able to hold NULL: harmless, and the next DROP NOT NULL costs nothing.
    bool only_stricter = before.type == after.type && !before.not_null && after.not_null;
    if (type_before.column_type != type_after.column_type && !only_stricter) {
      alter(modify_column_sql(target_, {.name = to, .type = type_after.column_type, .default_expression = {}}));
      if (key_contains(after.attnum)) raise(Effort::Rebuild, "the type of a key column has changed");
    }
  }

  void renamed(ColumnRename rename, bool in_key) {
    if (!in_key) return alter(rename_column_sql(target_, rename));
    raise(Effort::Rebuild, "a key column was renamed");
    change_.key_renames.push_back(std::move(rename));
  }

  void compare_types(const Column& before, const Column& after) {
    if (before_.key().empty()) return raise(Effort::Recopy, "a column of a table without a key has changed its type");
    if (rewritten_ && widens(before.type, after.type)) {
      explained_rewrite_ = true;
      return;
    }
    TargetType type_before = column_target_type(before, server_);
    TargetType type_after = column_target_type(after, server_);
    if (type_before.array != type_after.array || type_before.form != type_after.form) {
      raise(Effort::Recopy, "a column has changed its type");
    }
  }

  void added(std::size_t place) {
    const Column& column = after_.columns[place];
    TargetColumn target{.name = target_column_name(column.name),
                        .type = column_target_type(column, server_).column_type,
                        .default_expression = {}};
    if (column.missing_value) {
      target.default_expression = default_expression(column_target_type(column, server_), *column.missing_value);
      if (before_.key().empty()) raise(Effort::Recopy, "a column with a default was added to a table without a key");
    }
    alter(add_column_sql(target_, target,
                         {.after = place == 0 ? std::string() : target_column_name(after_.columns[place - 1].name)}));
  }

  void dropped(const Column& column) {
    if (before_.key().empty()) raise(Effort::Recopy, "a column of a table without a key was dropped");
    if (before_key_contains(column.attnum)) return raise(Effort::Recopy, "a key column was dropped");
    alter(drop_column_sql(target_, target_column_name(column.name)));
  }

  [[nodiscard]] bool key_contains(std::int16_t attnum) const {
    return std::ranges::find(after_.key(), attnum) != after_.key().end();
  }

  [[nodiscard]] bool before_key_contains(std::int16_t attnum) const {
    return std::ranges::find(before_.key(), attnum) != before_.key().end();
  }

  [[nodiscard]] bool has_rename_column() const { return server_.at_least(20, 4); }

  const TableSchema& before_;
  const TableSchema& after_;
  bool rewritten_;
  const TargetTable& target_;
  const ServerVersion& server_;
  bool explained_rewrite_ = false;
  SchemaChange change_;
};

}  // namespace

SchemaChange compare_schemas(const SchemaPair& pair, const TargetTable& target, const ServerVersion& server) {
  return Comparison(pair, target, server).run();
}

}  // namespace echodb
