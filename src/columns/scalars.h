#pragma once

#include <memory>

#include "columns/column_builder.h"
#include "columns/type_map.h"

namespace echodb {

/// Bool, Int16, Int32, Int64, UInt32, Float32, Float64 and UUID: values whose bytes only change their order.
std::unique_ptr<ColumnBuilder> make_scalar_column(const TargetType& type);

}  // namespace echodb
