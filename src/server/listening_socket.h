#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace echodb {

struct ListeningSocket {
  int descriptor;
  std::uint16_t port;
};

/// Binds and listens. Throws Error(PortBusy) naming `port_variable` when the port is taken, Error(InvalidConfiguration)
/// when the host is not an address of this machine. The caller owns the descriptor.
ListeningSocket listen_on(const std::string& host, std::uint16_t port, const std::string& port_variable);

/// The same on a Unix socket that this user alone may connect to (mode 0600). Replaces one that is there, so nobody
/// else may be serving it. The path may be of any length.
ListeningSocket listen_on_unix_socket(const std::filesystem::path& path);

/// Whether only programs of this machine reach a server that listens there. A name that does not resolve is not.
bool is_loopback(const std::string& host);

}  // namespace echodb
