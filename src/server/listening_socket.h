#pragma once

#include <cstdint>
#include <string>

namespace echodb {

struct ListeningSocket {
  int descriptor;
  std::uint16_t port;
};

/// Binds and listens. Throws Error(PortBusy) naming `port_variable` when the port is taken, Error(InvalidConfiguration)
/// when the host is not an address of this machine. The caller owns the descriptor.
ListeningSocket listen_on(const std::string& host, std::uint16_t port, const std::string& port_variable);

}  // namespace echodb
