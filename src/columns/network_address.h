#pragma once

#include <memory>

#include "columns/column_builder.h"
#include "columns/type_map.h"

namespace echodb {

/// IPv4 and IPv6 for inet and cidr columns whose type was overridden. Refuses networks, which have a mask of fewer bits
/// than the address, and IPv6 addresses in IPv4. IPv6 holds IPv4 addresses as ::ffff:a.b.c.d, and so refuses the IPv6
/// addresses that are written like that.
std::unique_ptr<ColumnBuilder> make_network_address_column(const TargetType& type);

}  // namespace echodb
