#include "replication/type_choices.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>

#include "columns/type_override.h"

namespace echodb {

TypeChoices type_choices(const Settings& settings, const ServerVersion& server) {
  return {.server = server,
          .unbounded_numeric = settings.unbounded_numeric == UnboundedNumericSetting::String
                                   ? UnboundedNumeric::Text
                                   : UnboundedNumeric::Decimal,
          .json = settings.json == JsonSetting::Json ? JsonForm::Json : JsonForm::Text,
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

Error column_types_fault(const ColumnTypeRule& entry, const Error& why) {
  return {ErrorCode::InvalidConfiguration,
          fmt::format("{}: the entry {}={}: {}", kColumnTypesSetting, entry.pattern, entry.type, why.message()),
          why.remedy()};
}

TargetType column_target_type(const TableSchema& table, const Column& column, const TypeChoices& choices) {
  bool in_key = std::ranges::find(table.key(), column.attnum) != table.key().end();
  TypeOptions options{.server = choices.server,
                      .nullable = !column.not_null,
                      .unbounded_numeric = choices.unbounded_numeric,
                      .json = in_key ? JsonForm::Text : choices.json,  // ClickHouse cannot sort by JSON
                      .as_text = column.as_text};
  if (choices.columns.empty() || column.as_text) return target_type(column.type, options);
  std::string name = table.qualified_name() + "." + column.name;
  auto rule = std::ranges::find_if(
      choices.columns, [&](const ColumnTypeRule& r) { return fnmatch(r.pattern.c_str(), name.c_str(), 0) == 0; });
  if (rule != choices.columns.end()) {
    options.override_type = rule->type;
    try {
      check_override(name, column.type, options);
    } catch (const Error& error) {
      throw column_types_fault(*rule, error).with("column", name);
    }
  }
  return target_type(column.type, options);
}

}  // namespace echodb
