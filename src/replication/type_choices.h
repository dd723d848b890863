#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "columns/type_map.h"
#include "config/settings.h"

namespace echodb {

/// What decides on a column's ClickHouse type besides its own: the server, and the operator's wishes.
struct TypeChoices {
  ServerVersion server;
  UnboundedNumeric unbounded_numeric = UnboundedNumeric::Decimal;
  JsonForm json = JsonForm::Text;
  std::vector<ColumnTypeRule> columns;  ///< the first that matches counts
};

TypeChoices type_choices(const Settings& settings, const ServerVersion& server);

/// Adds a sentence for each entry of ECHODB_COLUMN_TYPES with a type that no column can be given.
void check_column_types(const Settings& settings, std::vector<std::string>& faults);

/// An entry that cannot be followed, as everybody who meets it says it. Its message begins with kColumnTypesSetting.
Error column_types_fault(const ColumnTypeRule& entry, const Error& why);
inline constexpr std::string_view kColumnTypesSetting = "ECHODB_COLUMN_TYPES";

/// Throws column_types_fault() when the rule for this column asks for a type that it cannot be given.
TargetType column_target_type(const TableSchema& table, const Column& column, const TypeChoices& choices);

}  // namespace echodb
