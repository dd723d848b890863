#pragma once

#include "embedded/clickhouse_exchange.h"
#include "server/http_server.h"

namespace echodb {

/// What each path and method of ClickHouse's HTTP interface answers. Both borrowed things must outlive the handler.
HttpHandler clickhouse_handler(ChdbEngine& engine, const ClickHouseServerIdentity& identity);

}  // namespace echodb
