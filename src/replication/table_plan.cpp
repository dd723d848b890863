#include "replication/table_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "clickhouse/quoting.h"
#include "columns/default_expression.h"

namespace echodb {
namespace {

std::vector<std::string> target_key(const TableSchema& schema) {
  std::vector<std::string> names;
  for (std::int16_t attnum : schema.key()) names.push_back(target_column_name(schema.find_column(attnum)->name));
  return names;
}

/// Rows that are older than a column are read again only with the ADD COLUMN that follows them, and that has had the
/// column widened. Of any other the copy has such values, which do the same, or nobody has them any more.
std::string fitting_older_rows_value(const TableSchema& schema, const Column& column, const TypeChoices& choices) {
  try {
    return older_rows_value(schema, column, choices);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::UnsupportedValue) throw;
    return {};
  }
}

}  // namespace

TablePlan::TablePlan(const TableSchema& then, const TableSchema& now, const TypeChoices& choices) : then_(then) {
  for (const Column& column : then.columns) {
    const Column* today = now.find_column(column.attnum);
    if (today == nullptr) continue;
    columns_.push_back({.attnum = column.attnum,
                        .source_name = today->name,
                        .target_name = target_column_name(today->name),
                        .type = column_target_type(then, column, choices),
                        .generated = column.generated});
  }
  for (std::int16_t attnum : then.key()) {
    auto found = std::ranges::find(columns_, attnum, &PlannedColumn::attnum);
    if (found != columns_.end()) key_.push_back(static_cast<std::size_t>(found - columns_.begin()));
  }
}

std::vector<std::size_t> TablePlan::positions(const std::vector<std::string>& published) const {
  std::vector<std::size_t> positions;
  auto column = then_.columns.begin();
  for (const std::string& name : published) {
    // A generated column is published from PostgreSQL 18 on, when the publication says so; before that it is skipped.
    while (column != then_.columns.end() && column->generated && column->name != name) ++column;
    if (column == then_.columns.end() || column->name != name) {
      throw Error(ErrorCode::SchemaMismatch,
                  fmt::format("the stream has a column '{}' where the schema in force has '{}'", name,
                              column == then_.columns.end() ? "none" : column->name))
          .with("table", then_.qualified_name());
    }
    auto planned = std::ranges::find(columns_, column->attnum, &PlannedColumn::attnum);
    positions.push_back(planned == columns_.end() ? kNowhere : static_cast<std::size_t>(planned - columns_.begin()));
    ++column;
  }
  return positions;
}

std::string TablePlan::insert_sql(const TargetTable& target) const {
  std::string names;
  auto add = [&](std::string_view name) {
    if (!names.empty()) names += ", ";
    names += quote_identifier(name);
  };
  for (const PlannedColumn& column : columns_) add(column.target_name);
  if (is_bag()) {
    for (const TargetColumn& column : bag_columns()) add(column.name);
  }
  add(kIsDeletedColumn);
  add(kVersionColumn);
  // Texts inside a JSON stay texts.
  std::string_view settings =
      has_json() ? " SETTINGS input_format_try_infer_dates = 0, input_format_try_infer_datetimes = 0" : "";
  return fmt::format("INSERT INTO {} ({}){} FORMAT Native", qualified(target), names, settings);
}

bool TablePlan::has_json() const {
  return std::ranges::any_of(columns_, [](const PlannedColumn& column) {
    return column.type.form == ValueForm::JsonObject || column.type.form == ValueForm::JsonbObject;
  });
}

std::string older_rows_value(const TableSchema& schema, const Column& column, const TypeChoices& choices) {
  if (!column.missing_value) return {};
  TargetType type = column_target_type(schema, column, choices);
  try {
    return default_expression(type, *column.missing_value);
  } catch (Error& error) {
    throw std::move(error.with("column", column.name).with("type", type.column_type));
  }
}

TableDefinition table_definition(const TableSchema& schema, const TargetTable& target, const TypeChoices& choices) {
  TableDefinition definition{.table = target};
  for (const Column& column : schema.columns) {
    definition.columns.push_back({.name = target_column_name(column.name),
                                  .type = column_target_type(schema, column, choices).column_type,
                                  .default_expression = fitting_older_rows_value(schema, column, choices)});
  }
  definition.key = target_key(schema);
  if (definition.key.empty()) {
    definition.extra_columns = bag_columns();
    definition.key = bag_key();
  }
  for (std::int16_t attnum : schema.key()) {
    if (!schema.find_column(attnum)->not_null) definition.nullable_key = true;
  }
  return definition;
}

}  // namespace echodb
