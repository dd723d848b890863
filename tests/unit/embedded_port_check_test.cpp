#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/error.h"
#include "embedded/file_descriptor.h"
#include "embedded/port_check.h"

namespace echodb {
namespace {

/// Listens on every address of a port until the end of the test.
struct Listener {
  FileDescriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::uint16_t port = 0;

  Listener() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(socket.get(), generic, size), 0);
    EXPECT_EQ(listen(socket.get(), 1), 0);
    EXPECT_EQ(getsockname(socket.get(), generic, &size), 0);
    port = ntohs(address.sin_port);
  }
};

std::string refusal(const std::vector<PortClaim>& claims) {
  try {
    expect_free_ports(claims);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::PortBusy);
    return error.message();
  }
  return {};
}

TEST(PortCheck, AcceptsAFreePort) {
  EXPECT_EQ(refusal({{"POSTGRES_PORT", "PostgreSQL", "127.0.0.1", free_port()}}), "");
}

TEST(PortCheck, NamesTheVariableOfEveryBusyPort) {
  Listener first;
  Listener second;
  std::string message = refusal({{"POSTGRES_PORT", "PostgreSQL", "127.0.0.1", first.port},
                                 {"CLICKHOUSE_PORT", "ClickHouse", "127.0.0.1", free_port()},
                                 {"HEALTH_CHECK_PORT", "health", "127.0.0.1", second.port}});
  EXPECT_NE(message.find("set POSTGRES_PORT"), std::string::npos) << message;
  EXPECT_NE(message.find("set HEALTH_CHECK_PORT"), std::string::npos) << message;
  EXPECT_EQ(message.find("CLICKHOUSE_PORT"), std::string::npos) << message;
}

TEST(PortCheck, RefusesOnePortForTwoPurposes) {
  std::uint16_t port = free_port();
  std::string message = refusal(
      {{"POSTGRES_PORT", "PostgreSQL", "127.0.0.1", port}, {"CLICKHOUSE_PORT", "ClickHouse", "127.0.0.1", port}});
  EXPECT_NE(message.find("set CLICKHOUSE_PORT"), std::string::npos) << message;
}

}  // namespace
}  // namespace echodb
