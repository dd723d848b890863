#pragma once

#include <memory>

#include "columns/column_builder.h"
#include "columns/type_map.h"

namespace echodb {

/// An empty column for values of this type.
std::unique_ptr<ColumnBuilder> make_column(const TargetType& type);

}  // namespace echodb
