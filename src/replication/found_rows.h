#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "columns/column_builder.h"

namespace echodb {

/// Rows that were looked up by their key.
struct FoundRows {
  std::unordered_map<std::string, std::size_t> rows;    ///< by RowHistory::key; the row in each of the columns
  std::vector<std::unique_ptr<ColumnBuilder>> columns;  ///< in the order they were asked for
};

}  // namespace echodb
