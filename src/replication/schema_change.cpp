#include "replication/schema_change.h"

#include <algorithm>
#include <array>

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
  Comparison(const SchemaPair& pair, const TargetTable& target, const TypeChoices& choices)
      : before_(pair.before), after_(pair.after), rewrite_(pair.rewrite), target_(target), choices_(choices) {}

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
    if (rewrite_ != Rewrite::None && !widened_only_) raise(Effort::Recopy, "PostgreSQL rewrote the table");
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
    const bool same_type = same_values(before.type, after.type);
    if (!same_type) compare_types(before, after);
    // Rows that were written before hold no value in the log, and the expression that gave it is gone.
    if (before.generated && !after.generated) raise(Effort::Recopy, "a generated column has lost its expression");
    if (before.virtual_expression != after.virtual_expression) {
      raise(Effort::Recopy, "a virtual generated column has another expression");
    }
    TargetType type_before = column_target_type(before_, before, choices_);
    TargetType type_after = column_target_type(after_, after, choices_);
    // A cast would give the rows that are there another look than the ones to come.
    if (same_type && type_before.form != type_after.form) {
      return raise(Effort::Recopy, "a column is held in another form");
    }
    // SET NOT NULL leaves the target able to hold NULL: harmless, and the next DROP NOT NULL costs nothing.
    bool only_stricter = same_type && !before.not_null && after.not_null;
    if (type_before.column_type == type_after.column_type || only_stricter) return;
    // ClickHouse cannot change a key column in place; the rebuild's INSERT casts.
    if (key_contains(after.attnum) || before_key_contains(before.attnum)) {
      return raise(Effort::Rebuild, "the type of a key column has changed");
    }
    alter(modify_column_sql(target_, {.name = to, .type = type_after.column_type, .default_expression = {}}));
  }

  void renamed(ColumnRename rename, bool in_key) {
    if (!in_key) {
      change_.takes_columns = true;
      return alter(rename_column_sql(target_, rename));
    }
    raise(Effort::Rebuild, "a key column was renamed");
    change_.key_renames.push_back(std::move(rename));
  }

  void compare_types(const Column& before, const Column& after) {
    if (before_.key().empty()) return raise(Effort::Recopy, "a column of a table without a key has changed its type");
    if (rewrite_ == Rewrite::Plain && widens(before.type, after.type)) {
      widened_only_ = true;
      return;
    }
    if (rewrite_ != Rewrite::None) return raise(Effort::Recopy, "a column has changed its type");
    TargetType type_before = column_target_type(before_, before, choices_);
    TargetType type_after = column_target_type(after_, after, choices_);
    if (type_before.is_array() != type_after.is_array() || type_before.form != type_after.form) {
      raise(Effort::Recopy, "a column has changed its type");
    }
  }

  void added(std::size_t place) {
    const Column& column = after_.columns[place];
    TargetColumn target{.name = target_column_name(column.name),
                        .type = column_target_type(after_, column, choices_).column_type,
                        .default_expression = {}};
    // Of a stored one the rewrite says as much.
    if (column.generated) raise(Effort::Recopy, "a generated column was added");
    // A rewrite has put the new column's values into the rows.
    if (rewrite_ != Rewrite::None) raise(Effort::Recopy, "a column was added with values of its own");
    if (column.missing_value) {
      target.default_expression = older_rows_value(after_, column, choices_);
      if (before_.key().empty()) raise(Effort::Recopy, "a column with a default was added to a table without a key");
    }
    alter(add_column_sql(target_, target,
                         {.after = place == 0 ? std::string() : target_column_name(after_.columns[place - 1].name)}));
  }

  void dropped(const Column& column) {
    if (before_.key().empty()) raise(Effort::Recopy, "a column of a table without a key was dropped");
    if (before_key_contains(column.attnum)) return raise(Effort::Recopy, "a key column was dropped");
    change_.takes_columns = true;
    alter(drop_column_sql(target_, target_column_name(column.name)));
  }

  [[nodiscard]] bool key_contains(std::int16_t attnum) const {
    return std::ranges::find(after_.key(), attnum) != after_.key().end();
  }

  [[nodiscard]] bool before_key_contains(std::int16_t attnum) const {
    return std::ranges::find(before_.key(), attnum) != before_.key().end();
  }

  [[nodiscard]] bool has_rename_column() const { return choices_.server.at_least(20, 4); }

  const TableSchema& before_;
  const TableSchema& after_;
  Rewrite rewrite_;
  const TargetTable& target_;
  const TypeChoices& choices_;
  bool widened_only_ = false;  ///< the rewrite did nothing that ClickHouse's own cast would not do
  SchemaChange change_;
};

}  // namespace

SchemaChange compare_schemas(const SchemaPair& pair, const TargetTable& target, const TypeChoices& choices) {
  return Comparison(pair, target, choices).run();
}

}  // namespace echodb
