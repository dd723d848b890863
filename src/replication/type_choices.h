#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "columns/type_map.h"
#include "config/settings.h"
#include "replication/column_types.h"

namespace echodb {

/// What decides on a column's ClickHouse type besides its own: the server, and the operator's wishes.
struct TypeChoices {
  ServerVersion server;
  UnboundedNumeric unbounded_numeric = UnboundedNumeric::Decimal;
  JsonForm json = JsonForm::Text;
  ArrayChoice arrays = ArrayChoice::Plain;
  std::vector<ColumnTypeRule> columns;  ///< the first that matches counts
};

TypeChoices type_choices(const Settings& settings, const ServerVersion& server);

/// The entry of ECHODB_COLUMN_TYPES that counts for the column; nullptr: none does.
const ColumnTypeRule* find_rule(const TableSchema& table, const Column& column, const TypeChoices& choices);
/// The column without a type that was chosen for it, as a new copy of its table would find it.
Column as_if_new(Column column);

/// Adds a sentence for each entry of ECHODB_COLUMN_TYPES with a type that no column can be given.
void check_column_types(const Settings& settings, std::vector<std::string>& faults);

/// An entry that cannot be followed, as everybody who meets it says it. Its message begins with kColumnTypesSetting.
Error column_types_fault(const ColumnTypeRule& entry, const Error& why);
inline constexpr std::string_view kColumnTypesSetting = "ECHODB_COLUMN_TYPES";

/// The type that the column has in the target, or, if none is chosen yet, the one that the choices ask for. Throws
/// column_types_fault() when the rule for this column asks for a type that it cannot be given.
TargetType column_target_type(const TableSchema& table, const Column& column, const TypeChoices& choices);

// A column's type is chosen when its target is made (Column::chosen_type), and stays: a setting that is changed, a
// server that has more types, or a program with other defaults counts for the tables and columns that come after it.

/// Chooses for the columns that have no type yet. A column whose rule asks for what it cannot be given stays without.
/// `before`, if given, is what the target's rows are: an array of another type now has room for the same NULLs.
void choose_types(TableSchema& table, const TableSchema* before, const TypeChoices& choices);
/// The columns that are in both, with the same type in the source, go on as they are in `before`.
void keep_types(TableSchema& table, const TableSchema& before);
/// Columns without a type get the one that their target has. What the source's column cannot be is left out.
void adopt_types(TableSchema& table, const ColumnTypes& target, const TypeChoices& choices);

/// A column that would be another one if it were made today, and has not become another one for the sake of a value.
struct KeptType {
  std::string column;
  std::string type;   ///< without Nullable
  std::string today;  ///< what the choices ask for, in the same way
};
std::vector<KeptType> kept_types(const TableSchema& table, const TypeChoices& choices);

}  // namespace echodb
