#pragma once

#include <memory>

#include "columns/column_builder.h"
#include "columns/type_map.h"

namespace echodb {

inline constexpr int kDecimalPrecisionMax = 76;
inline constexpr int kDecimal128PrecisionMax = 38;

/// Decimal(precision, scale): an integer of 32, 64, 128 or 256 bits that counts units of 10^-scale.
/// Refuses NaN, the infinities and what needs more digits on either side of the point.
std::unique_ptr<ColumnBuilder> make_decimal_column(const TargetType& type);

}  // namespace echodb
