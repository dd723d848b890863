#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace echodb {

/// An address this program or a child of it is going to listen on.
struct PortClaim {
  std::string variable;  ///< the setting that holds the port: "POSTGRES_PORT"
  std::string purpose;   ///< what it is for: "the private PostgreSQL"
  std::string host;      ///< a name or an address
  std::uint16_t port = 0;
};

/// Throws one Error(PortBusy) that names every claim that cannot be had: the port is taken, may not be used, or is
/// claimed twice.
void expect_free_ports(const std::vector<PortClaim>& claims);

/// A port of 127.0.0.1 that nobody listens on at this moment.
std::uint16_t free_port();

}  // namespace echodb
