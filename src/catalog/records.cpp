#include "catalog/records.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace echodb {

std::string PendingSteps::text() const { return nlohmann::json{{"recopy", recopy}, {"statements", statements}}.dump(); }

PendingSteps PendingSteps::parse(const std::string& text) {
  nlohmann::json from = nlohmann::json::parse(text);
  return {.recopy = from.at("recopy").get<bool>(), .statements = from.at("statements").get<std::vector<std::string>>()};
}

void mark_widened(const TableRecord& record, TableSchema& schema) {
  for (Column& column : schema.columns) {
    auto widened = std::ranges::find(record.widened_columns, column.attnum, &WidenedColumn::attnum);
    column.width = widened == record.widened_columns.end() ? ColumnWidth::AsChosen : widened->width;
  }
}

}  // namespace echodb
