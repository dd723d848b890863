#pragma once

#include <vector>

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

/// Throws Error(InvalidConfiguration) when a rule names a type that no column can be given.
TypeChoices type_choices(const Settings& settings, const ServerVersion& server);

/// Throws Error(InvalidConfiguration) when the rule for this column asks for a type that it cannot be given.
TargetType column_target_type(const TableSchema& table, const Column& column, const TypeChoices& choices);

}  // namespace echodb
