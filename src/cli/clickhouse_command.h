#pragma once

#include "config/settings.h"

namespace echodb {

/// `echodb clickhouse`: the embedded ClickHouse on CLICKHOUSE_HOST and CLICKHOUSE_PORT, its data in
/// ECHODB_DATA_DIR/clickhouse. Runs until it is told to stop and then ends the process.
int clickhouse_command(const Settings& settings);

}  // namespace echodb
