#include "server/listening_socket.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "base/error.h"

namespace echodb {
namespace {

constexpr int kBacklog = 512;

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

Addresses resolve(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  int failure = getaddrinfo(host.empty() ? nullptr : host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (failure != 0) {
    throw Error(ErrorCode::InvalidConfiguration,
                fmt::format("cannot listen on host '{}': {}", host, gai_strerror(failure)));
  }
  return {found, &freeaddrinfo};
}

std::uint16_t bound_port(int descriptor) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  if (address.ss_family == AF_INET6) return ntohs(reinterpret_cast<sockaddr_in6*>(&address)->sin6_port);
  return ntohs(reinterpret_cast<sockaddr_in*>(&address)->sin_port);
}

}  // namespace

ListeningSocket listen_on(const std::string& host, std::uint16_t port, const std::string& port_variable) {
  Addresses addresses = resolve(host, port);
  int descriptor = socket(addresses->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) throw Error(ErrorCode::SystemFailure, fmt::format("socket: {}", std::strerror(errno)));
  int on = 1;
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (bind(descriptor, addresses->ai_addr, addresses->ai_addrlen) != 0 || listen(descriptor, kBacklog) != 0) {
    int reason = errno;
    close(descriptor);
    if (reason == EADDRINUSE) {
      throw Error(ErrorCode::PortBusy, fmt::format("port {} on {} is taken by another program", port, host),
                  fmt::format("stop that program or set {} to a free port", port_variable));
    }
    throw Error(ErrorCode::InvalidConfiguration,
                fmt::format("cannot listen on {}:{}: {}", host, port, std::strerror(reason)));
  }
  return {.descriptor = descriptor, .port = bound_port(descriptor)};
}

}  // namespace echodb
