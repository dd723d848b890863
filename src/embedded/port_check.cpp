#include "embedded/port_check.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <memory>

#include "base/error.h"
#include "embedded/file_descriptor.h"

namespace echodb {
namespace {

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

Addresses resolve(const PortClaim& claim) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  int failure = getaddrinfo(claim.host.c_str(), std::to_string(claim.port).c_str(), &hints, &found);
  if (failure != 0) {
    throw Error(ErrorCode::InvalidConfiguration,
                fmt::format("cannot listen on {} for {}: {}", claim.host, claim.purpose, gai_strerror(failure)));
  }
  return {found, &freeaddrinfo};
}

/// Zero when the address can be had, otherwise why not (errno).
int try_to_bind(const addrinfo& address) {
  FileDescriptor probe(socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!probe.open()) return errno == EAFNOSUPPORT ? 0 : errno;
  // As servers do: connections of an earlier run in TIME_WAIT do not matter, a listener does.
  int on = 1;
  setsockopt(probe.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  return bind(probe.get(), address.ai_addr, address.ai_addrlen) == 0 ? 0 : errno;
}

/// Why the claim cannot be had; empty when it can.
std::string fault_of(const PortClaim& claim) {
  Addresses addresses = resolve(claim);
  for (const addrinfo* each = addresses.get(); each != nullptr; each = each->ai_next) {
    int failure = try_to_bind(*each);
    if (failure == 0) continue;
    if (failure == EADDRINUSE) return "is already in use";
    return fmt::format("cannot be listened on ({})", std::strerror(failure));
  }
  return {};
}

}  // namespace

void expect_free_ports(const std::vector<PortClaim>& claims) {
  std::string faults;
  std::map<std::uint16_t, std::string> claimed;
  for (const PortClaim& claim : claims) {
    auto [first, fresh] = claimed.emplace(claim.port, claim.variable);
    std::string fault = fresh ? fault_of(claim) : fmt::format("is that of {}, too", first->second);
    if (fault.empty()) continue;
    faults += fmt::format("{}port {} of {} for {} {}: set {} to another one", faults.empty() ? "" : "\n", claim.port,
                          claim.host, claim.purpose, fault, claim.variable);
  }
  if (!faults.empty()) throw Error(ErrorCode::PortBusy, faults);
}

std::uint16_t free_port() {
  FileDescriptor probe(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(probe.get(), generic, size) != 0 || getsockname(probe.get(), generic, &size) != 0) {
    throw Error(ErrorCode::SystemFailure, fmt::format("cannot find a free port: {}", std::strerror(errno)));
  }
  return ntohs(address.sin_port);
}

}  // namespace echodb
