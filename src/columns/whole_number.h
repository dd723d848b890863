#pragma once

#include <memory>

#include "columns/column_builder.h"
#include "columns/type_map.h"

namespace echodb {

/// Int8 … Int256 and UInt8 … UInt256 for a column whose type was overridden: reads the texts of integers and of
/// numeric, and refuses fractions, NaN, the infinities and what is out of range.
std::unique_ptr<ColumnBuilder> make_whole_number_column(const TargetType& type);

}  // namespace echodb
