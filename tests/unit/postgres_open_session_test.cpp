#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <stop_token>
#include <string>
#include <thread>

#include "base/error.h"
#include "config/settings.h"
#include "postgres/open_session.h"

namespace echodb {
namespace {

/// A server that takes connections and says nothing, ever, on a free port of the loopback address.
class SilentServer {
 public:
  SilentServer() : listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    listen(listener_, 16);
    socklen_t size = sizeof(address);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~SilentServer() { close(listener_); }
  SilentServer(const SilentServer&) = delete;
  SilentServer& operator=(const SilentServer&) = delete;

  [[nodiscard]] std::string port() const { return std::to_string(port_); }

 private:
  int listener_;
  std::uint16_t port_ = 0;
};

PostgresSettings settings_of(const std::string& hosts, const std::string& ports) {
  PostgresSettings settings;
  settings.host = hosts;
  settings.ports = ports;
  settings.user = "echodb";
  settings.database = "echodb";
  return settings;
}

Error failure_of(const PostgresSettings& settings, const std::stop_token& stop = {}) {
  try {
    open_session(settings, ConnectionKind::Ordinary, stop);
  } catch (const Error& error) {
    return error;
  }
  return Error(ErrorCode::ProtocolViolation, "a session was opened");
}

// Nobody waits for a connection that is being made when it is time to stop: a worker makes several, one after another.
TEST(OpenSession, StopsWhileServerIsSilent) {
  SilentServer silent;
  std::stop_source stop;
  std::jthread soon([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    stop.request_stop();
  });
  EXPECT_EQ(failure_of(settings_of("127.0.0.1", silent.port()), stop.get_token()).code(), ErrorCode::Stopped);
}

// Each address has its own time, and each is named when none of them works.
TEST(OpenSession, GoesOnBehindSilentServer) {
  SilentServer silent;
  std::string refused;
  {
    SilentServer gone;
    refused = gone.port();
  }
  Error error = failure_of(settings_of("127.0.0.1,127.0.0.1", silent.port() + "," + refused));
  EXPECT_EQ(error.code(), ErrorCode::SourceUnreachable);
  EXPECT_NE(error.message().find("port " + silent.port() + " failed: timeout expired"), std::string::npos)
      << error.what();
  EXPECT_NE(error.message().find("port " + refused + " failed: Connection refused"), std::string::npos) << error.what();
}

TEST(OpenSession, NamesHostThatNobodyKnows) {
  Error error = failure_of(settings_of("no-such-host.invalid", "5432"));
  EXPECT_EQ(error.code(), ErrorCode::SourceUnreachable);
  EXPECT_NE(error.message().find("could not translate host name"), std::string::npos) << error.what();
}

}  // namespace
}  // namespace echodb
