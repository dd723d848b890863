#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "postgres/table_schema.h"
#include "sim/catalog.h"
#include "sim/source.h"
#include "sim/target.h"

namespace echodb::sim {

/// What one run has found.
struct Finding {
  std::string checker;  ///< equal, in order, never ahead, always moving, no false alarm
  std::string words;
};

/// A value of the source's as a target column of this type has it in Native.
std::string as_native(Oid type, std::string_view column_type, const std::string& value);

/// What of both sides, at rest, is not equal: tables, columns, rows, and tables that nobody knows.
std::optional<Finding> find_difference(const Source& source, const Target& target, const Catalog& catalog);

}  // namespace echodb::sim
