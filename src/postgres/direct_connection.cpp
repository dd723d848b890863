#include "postgres/direct_connection.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>

namespace echodb {
namespace {

/// "address port"; empty for a Unix socket and what has no address.
std::string local_address(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    const auto& ipv4 = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &ipv4.sin_addr, text.data(), text.size());
    return fmt::format("{} {}", text.data(), ntohs(ipv4.sin_port));
  }
  if (address.ss_family != AF_INET6) return {};
  const auto& ipv6 = reinterpret_cast<const sockaddr_in6&>(address);
  inet_ntop(AF_INET6, &ipv6.sin6_addr, text.data(), text.size());
  return fmt::format("{} {}", text.data(), ntohs(ipv6.sin6_port));
}

}  // namespace

bool is_direct(PostgresConnection& connection) {
  QueryResult seen = connection.execute(
      "SELECT format('%s %s', host(inet_client_addr()), inet_client_port()) "
      "WHERE inet_client_addr() IS NOT NULL");
  return (seen.rows() == 0 ? std::string() : std::string(seen.text(0, 0))) == local_address(connection.socket());
}

}  // namespace echodb
