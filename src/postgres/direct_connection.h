#pragma once

#include "postgres/connection.h"

namespace echodb {

/// Whether the server sees this socket's own address at the other end, or it is a Unix socket. Then only the kernel of
/// this machine closes the connection from this side; a proxy could do so while this process lives.
bool is_direct(PostgresConnection& connection);

}  // namespace echodb
