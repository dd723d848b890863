#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <thread>
#include <vector>

#include "base/error.h"
#include "server/http_server.h"
#include "server/listening_socket.h"

namespace echodb {
namespace {

/// A client's connection, closed with it.
class Client {
 public:
  explicit Client(std::uint16_t port) : descriptor_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  ~Client() { close(descriptor_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// False once the server has closed the connection.
  [[nodiscard]] bool send(const std::string& text) const {
    return ::send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }
  /// All that comes until the server closes the connection.
  [[nodiscard]] std::string read_all() const {
    std::string answer;
    char block[4096];
    for (ssize_t size = 0; (size = read(descriptor_, block, sizeof(block))) > 0;) {
      answer.append(block, static_cast<std::size_t>(size));
    }
    return answer;
  }
  /// Sends the piece again and again until the server closes the connection.
  void trickle(const std::string& piece) const {
    while (send(piece)) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }

 private:
  int descriptor_;
};

/// Sends `request` on a new connection and returns all that comes back until the server closes it.
std::string talk(std::uint16_t port, const std::string& request) {
  Client client(port);
  EXPECT_TRUE(client.send(request));
  return client.read_all();
}

/// Times that a test can wait for.
constexpr ConnectionTimes kShort{.header = std::chrono::milliseconds(1000),
                                 .idle = std::chrono::milliseconds(100),
                                 .scarce_header = std::chrono::milliseconds(500),
                                 .scarce_idle = std::chrono::milliseconds(50),
                                 .body_window = std::chrono::milliseconds(100),
                                 .answer = std::chrono::milliseconds(100),
                                 .linger = std::chrono::milliseconds(100)};
/// Times that no test lives to see, but for the one under test.
constexpr std::chrono::hours kNever{24};

class Counting : public HttpExchange {
 public:
  explicit Counting(bool trusted = false) : trusted_(trusted) {}
  [[nodiscard]] bool is_trusted() const override { return trusted_; }
  void on_body(Bytes bytes) override { size_ += bytes.size(); }
  HttpResponse finish() override {
    HttpResponse response;
    response.body = std::to_string(size_);
    return response;
  }

 private:
  const bool trusted_;
  std::size_t size_ = 0;
};

class Numbers : public HttpBodySource {
 public:
  explicit Numbers(int fails_at) : fails_at_(fails_at) {}
  std::size_t read(std::span<std::byte> into) override {
    if (next_ == fails_at_) throw Error(ErrorCode::SystemFailure, "no more");
    if (next_ == 3) return 0;
    into[0] = static_cast<std::byte>('0' + next_++);
    return 1;
  }

 private:
  int next_ = 0;
  int fails_at_;
};

HttpHandler streams(int fails_at) {
  return without_body([fails_at](const HttpRequest&) {
    HttpResponse response;
    response.stream = std::make_unique<Numbers>(fails_at);
    return response;
  });
}

TEST(HttpServer, GivesTheHandlerMethodPathParametersAndHeaders) {
  HttpServer server({}, without_body([](const HttpRequest& request) {
                      HttpResponse response;
                      response.status = 418;
                      response.headers.emplace_back("X-Seen", *request.header("x-mixed-case"));
                      response.body = request.method + request.path + *request.parameter("a b");
                      return response;
                    }));
  std::string answer =
      talk(server.port(),
           "GET /here?a%20b=c+%26 HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Mixed-Case: v\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 418")) << answer;
  EXPECT_NE(answer.find("X-Seen: v\r\n"), std::string::npos);
  EXPECT_TRUE(answer.ends_with("\r\n\r\nGET/herec &")) << answer;
}

TEST(HttpServer, StreamsARequestBody) {
  HttpServer server({}, [](const HttpRequest&) { return std::make_unique<Counting>(); });
  std::string body(5'000'000, 'x');
  EXPECT_TRUE(talk(server.port(),
                   "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 5000000\r\n\r\n" + body)
                  .ends_with("\r\n\r\n5000000"));
}

TEST(HttpServer, EndsAStreamedResponseOnlyWhenItIsComplete) {
  std::string request = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
  HttpServer whole({}, streams(-1));
  EXPECT_TRUE(talk(whole.port(), request).ends_with("\r\n0\r\n\r\n"));
  HttpServer broken({}, streams(2));
  std::string answer = talk(broken.port(), request);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200")) << answer;
  EXPECT_FALSE(answer.ends_with("\r\n0\r\n\r\n")) << answer;
}

TEST(HttpServer, NamesTheVariableOfABusyPort) {
  HttpServer first({}, streams(-1));
  try {
    HttpServer second({.port = first.port(), .port_variable = "HEALTH_CHECK_PORT"}, streams(-1));
    FAIL() << "two servers on one port";
  } catch (const Error& failure) {
    EXPECT_EQ(failure.code(), ErrorCode::PortBusy);
    EXPECT_NE(failure.remedy().find("HEALTH_CHECK_PORT"), std::string::npos);
  }
}

TEST(HttpServer, RefusesAHostThatIsNotOurs) {
  try {
    HttpServer server({.host = "203.0.113.7", .port_variable = "X"}, streams(-1));
    FAIL() << "listens on a foreign address";
  } catch (const Error& failure) {
    EXPECT_EQ(failure.code(), ErrorCode::InvalidConfiguration);
  }
}

TEST(HttpServer, TurnsAFailureOfTheHandlerIntoA500) {
  HttpServer server(
      {}, without_body([](const HttpRequest&) -> HttpResponse { throw Error(ErrorCode::SystemFailure, "broken"); }));
  EXPECT_TRUE(talk(server.port(), "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                  .starts_with("HTTP/1.1 500"));
}

TEST(HttpServer, EndsAConnectionWhoseHeaderTrickles) {
  HttpServer server({.times = kShort}, streams(-1));
  Client client(server.port());
  ASSERT_TRUE(client.send("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "));
  client.trickle("x");
}

TEST(HttpServer, EndsAnIdleConnectionOfATrustedClientAsWell) {
  HttpServer server({.times = kShort}, [](const HttpRequest&) { return std::make_unique<Counting>(true); });
  EXPECT_TRUE(talk(server.port(), "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").ends_with("\r\n\r\n0"));
}

TEST(HttpServer, EndsABodyThatTrickles) {
  for (bool trusted : {false, true}) {
    HttpServer server({.times = kShort}, [=](const HttpRequest&) { return std::make_unique<Counting>(trusted); });
    Client client(server.port());
    ASSERT_TRUE(client.send("POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50000000\r\n\r\n"));
    client.trickle("x");
  }
}

TEST(HttpServer, LetsATrustedClientSendForLongerThanAHeaderMayTake) {
  ConnectionTimes times = kShort;
  times.body_window = kNever;
  HttpServer server({.times = times}, [](const HttpRequest&) { return std::make_unique<Counting>(true); });
  Client client(server.port());
  ASSERT_TRUE(client.send("POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 200000\r\n\r\n"));
  ASSERT_TRUE(client.send(std::string(100'000, 'x')));
  std::this_thread::sleep_for(2 * times.header);
  ASSERT_TRUE(client.send(std::string(100'000, 'x')));
  EXPECT_TRUE(client.read_all().ends_with("\r\n\r\n200000"));
}

TEST(HttpServer, WaitsLessWhileConnectionsAreScarce) {
  ConnectionTimes times = kShort;
  times.header = kNever;
  times.idle = kNever;
  HttpServer server({.connections_max = 4, .times = times}, streams(-1));
  std::vector<std::unique_ptr<Client>> halves;
  for (int i = 0; i < 4; ++i) {
    halves.push_back(std::make_unique<Client>(server.port()));
    ASSERT_TRUE(halves.back()->send("GET / HTTP/1.1\r\n"));
  }
  // Until one of them has run out of time there may be no place.
  std::string answer;
  while (answer.empty()) {
    answer = talk(server.port(), "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
  }
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200")) << answer;
}

TEST(HttpServer, RefusesALargeBodyThatNothingIsDoneWith) {
  HttpServer server({}, streams(-1));
  std::string answer = talk(server.port(), "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50000000\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 413")) << answer;
}

TEST(HttpServer, KeepsPagesOut) {
  HttpServer server({.allowed_hosts = {"echo.example"}, .allowed_origins = {"https://page.example"}}, streams(-1));
  auto status = [&](const std::string& headers) {
    return talk(server.port(), "GET / HTTP/1.1\r\nConnection: close\r\n" + headers + "\r\n").substr(9, 3);
  };
  EXPECT_EQ(status("Host: 127.0.0.1\r\n"), "200");
  EXPECT_EQ(status("Host: [::1]:80\r\n"), "200");
  EXPECT_EQ(status("Host: Echo.Example:1\r\n"), "200");
  EXPECT_EQ(status("Host: evil.example\r\n"), "403");
  EXPECT_EQ(status("Host: localhost:80\r\nOrigin: http://localhost:80\r\n"), "200");
  EXPECT_EQ(status("Host: localhost:80\r\nOrigin: http://localhost:81\r\n"), "403");
  EXPECT_EQ(status("Host: localhost\r\nOrigin: https://page.example\r\nSec-Fetch-Site: cross-site\r\n"), "200");
  EXPECT_EQ(status("Host: localhost\r\nSec-Fetch-Site: cross-site\r\n"), "403");
  EXPECT_EQ(status("Host: localhost\r\nSec-Fetch-Site: none\r\n"), "200");
}

TEST(HttpServer, ListensOnAUnixSocketOfAnyLengthThatOthersMayNotUse) {
  std::filesystem::path directory = std::filesystem::temp_directory_path() / ("echodb-" + std::string(150, 'x'));
  std::filesystem::create_directories(directory);
  std::filesystem::path path = directory / "http.sock";
  for (int start = 0; start < 2; ++start) {
    HttpServer server({.unix_socket = path.string()}, streams(-1));
    struct stat found {};
    ASSERT_EQ(stat(path.c_str(), &found), 0);
    EXPECT_TRUE(S_ISSOCK(found.st_mode));
    EXPECT_EQ(found.st_mode & 0777, 0600U);
  }
  std::filesystem::remove_all(directory);
}

TEST(ListeningSocket, KnowsWhatOnlyThisMachineReaches) {
  for (const char* host : {"127.0.0.1", "127.1.2.3", "::1"}) EXPECT_TRUE(is_loopback(host)) << host;
  for (const char* host : {"", "0.0.0.0", "::", "10.0.0.1"}) EXPECT_FALSE(is_loopback(host)) << host;
}

}  // namespace
}  // namespace echodb
