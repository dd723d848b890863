#pragma once

#include <memory>

#include "columns/column_builder.h"
#include "columns/type_map.h"

namespace echodb {

/// Date32 and DateTime64(6, 'UTC'). Both hold 1900-01-01 to 2299-12-31; days outside it and the infinities are
/// refused. The text form is DateStyle ISO's. By override also Date, DateTime and DateTime64 of other precisions, which
/// refuse what they would cut off.
std::unique_ptr<ColumnBuilder> make_temporal_column(const TargetType& type);

}  // namespace echodb
