#include "server/listening_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
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

ListeningSocket listen_on_unix_socket(const std::filesystem::path& path) {
  int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int directory = open(path.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  // An address holds 108 characters, a path may have more; this one leads to the same place.
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string name = fmt::format("/proc/self/fd/{}/{}", directory, path.filename().string());
  bool fits = name.size() < sizeof address.sun_path;
  if (fits) name.copy(address.sun_path, name.size());
  unlinkat(directory, path.filename().c_str(), 0);
  // bind() gives the file the mode that the socket has.
  bool done = fits && descriptor >= 0 && directory >= 0 && fchmod(descriptor, S_IRUSR | S_IWUSR) == 0 &&
              bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
              listen(descriptor, kBacklog) == 0;
  int reason = errno;
  if (directory >= 0) close(directory);
  if (done) return {.descriptor = descriptor, .port = 0};
  if (descriptor >= 0) close(descriptor);
  throw Error(ErrorCode::SystemFailure, fmt::format("cannot listen on {}: {}", path.string(), std::strerror(reason)),
              "set ECHODB_DATA_DIR to a directory of a file system that has Unix sockets");
}

bool is_loopback(const std::string& host) {
  if (host.empty()) return false;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return false;
  Addresses addresses(found, &freeaddrinfo);
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    constexpr std::uint32_t kLoopbackNetwork = 127;
    if (at->ai_family == AF_INET) {
      const auto* inet = reinterpret_cast<const sockaddr_in*>(at->ai_addr);
      if (ntohl(inet->sin_addr.s_addr) >> 24 != kLoopbackNetwork) return false;
    } else if (at->ai_family == AF_INET6) {
      if (!IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6*>(at->ai_addr)->sin6_addr)) return false;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace echodb
