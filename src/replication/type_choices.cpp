#include "replication/type_choices.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "columns/type_override.h"

namespace echodb {
namespace {

bool in_key(const TableSchema& table, const Column& column) {
  return std::ranges::find(table.key(), column.attnum) != table.key().end();
}

/// Whether ClickHouse can sort by a column of this type. allow_nullable_key makes no difference to what an array holds.
bool can_be_sorted(std::string_view type) {
  return type != "JSON" && !type.starts_with("Variant(") && !type.starts_with("Array(Nullable(");
}

std::string full_name(const TableSchema& table, const Column& column) {
  return table.qualified_name() + "." + column.name;
}

/// The operator's wish for the column, if there is one. It is checked while it can still be followed.
void apply_rule(const TableSchema& table, const Column& column, const TypeChoices& choices, TypeOptions& options) {
  const ColumnTypeRule* rule = find_rule(table, column, choices);
  if (rule == nullptr) return;
  options.override_type = rule->type;
  if (!options.chosen_type.empty()) return;
  const std::string name = full_name(table, column);
  try {
    check_override(name, column.type, options);
  } catch (const Error& error) {
    throw column_types_fault(*rule, error).with("column", name);
  }
}

/// What an array column was made under.
ArrayChoice array_choice(std::string_view chosen_type) {
  if (chosen_type.starts_with("Variant(")) return ArrayChoice::Variant;
  return chosen_type.starts_with("Array(Nullable(") ? ArrayChoice::NullableElements : ArrayChoice::Plain;
}

/// What the choices ask for; nullopt: something that the column cannot be.
std::optional<std::string> chosen_now(const TableSchema& table, const Column& column, const TypeChoices& choices) {
  try {
    return without_nullable(column_target_type(table, as_if_new(column), choices).column_type);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::InvalidConfiguration) throw;
    return std::nullopt;
  }
}

}  // namespace

TypeChoices type_choices(const Settings& settings, const ServerVersion& server) {
  return {.server = server,
          .unbounded_numeric = settings.unbounded_numeric,
          .json = settings.json,
          .arrays = settings.arrays,
          .columns = settings.column_types};
}

void check_column_types(const Settings& settings, std::vector<std::string>& faults) {
  for (const ColumnTypeRule& rule : settings.column_types) {
    try {
      check_override_name(rule.type);
    } catch (const Error& error) {
      faults.emplace_back(column_types_fault(rule, error).what());
    }
  }
}

const ColumnTypeRule* find_rule(const TableSchema& table, const Column& column, const TypeChoices& choices) {
  const std::string name = full_name(table, column);
  auto rule = std::ranges::find_if(
      choices.columns, [&](const ColumnTypeRule& r) { return fnmatch(r.pattern.c_str(), name.c_str(), 0) == 0; });
  return rule == choices.columns.end() ? nullptr : &*rule;
}

Column as_if_new(Column column) {
  column.chosen_type.clear();
  column.width = ColumnWidth::AsChosen;
  return column;
}

Error column_types_fault(const ColumnTypeRule& entry, const Error& why) {
  return {ErrorCode::InvalidConfiguration,
          fmt::format("{}: the entry {}={}: {}", kColumnTypesSetting, entry.pattern, entry.type, why.message()),
          why.remedy()};
}

TargetType column_target_type(const TableSchema& table, const Column& column, const TypeChoices& choices) {
  const bool sorted_by = in_key(table, column);
  TypeOptions options{.server = choices.server,
                      .nullable = !column.not_null,
                      .unbounded_numeric = choices.unbounded_numeric,
                      .json = sorted_by ? JsonForm::Text : choices.json,
                      .arrays = choices.arrays,
                      .chosen_type = can_be_sorted(column.chosen_type) || !sorted_by ? column.chosen_type : "",
                      .width = column.width};
  if (!choices.columns.empty() && column.width != ColumnWidth::Text) apply_rule(table, column, choices, options);
  TargetType type = target_type(column.type, options);
  if (!sorted_by || can_be_sorted(type.column_type)) return type;
  options.width = ColumnWidth::Text;
  return target_type(column.type, options);
}

void choose_types(TableSchema& table, const TableSchema* before, const TypeChoices& choices) {
  TypeChoices now = choices;
  for (Column& column : table.columns) {
    if (!column.chosen_type.empty() && can_be_sorted(column.chosen_type)) continue;
    if (!column.chosen_type.empty() && !in_key(table, column)) continue;
    const Column* same = before == nullptr ? nullptr : before->find_column(column.attnum);
    now.arrays = choices.arrays;
    if (same != nullptr) now.arrays = std::max(now.arrays, array_choice(same->chosen_type));
    column.chosen_type = chosen_now(table, column, now).value_or(std::string());
  }
}

void keep_types(TableSchema& table, const TableSchema& before) {
  for (Column& column : table.columns) {
    const Column* same = before.find_column(column.attnum);
    if (same != nullptr && same->type == column.type) column.chosen_type = same->chosen_type;
  }
}

void adopt_types(TableSchema& table, const ColumnTypes& target, const TypeChoices& choices) {
  for (Column& column : table.columns) {
    auto found = target.find(target_column_name(column.name));
    // The type of a column that was widened says nothing of what it was before.
    if (!column.chosen_type.empty() || column.width != ColumnWidth::AsChosen || found == target.end()) continue;
    column.chosen_type = without_nullable(found->second);
    try {
      column_target_type(table, column, choices);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::InvalidConfiguration) throw;
      column.chosen_type.clear();
    }
  }
}

std::vector<KeptType> kept_types(const TableSchema& table, const TypeChoices& choices) {
  std::vector<KeptType> kept;
  for (const Column& column : table.columns) {
    if (column.width != ColumnWidth::AsChosen) continue;
    const std::optional<std::string> today = chosen_now(table, column, choices);
    if (column.chosen_type.empty() || !today || *today == column.chosen_type) continue;
    kept.push_back({.column = column.name, .type = column.chosen_type, .today = *today});
  }
  return kept;
}

}  // namespace echodb
