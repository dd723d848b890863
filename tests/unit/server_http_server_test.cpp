#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "server/http_server.h"

namespace echodb {
namespace {

/// Sends `request` on a new connection and returns all that comes back until the server closes it.
std::string talk(std::uint16_t port, const std::string& request) {
  int descriptor = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(write(descriptor, request.data(), request.size()), static_cast<ssize_t>(request.size()));
  std::string answer;
  char block[4096];
  for (ssize_t size = 0; (size = read(descriptor, block, sizeof(block))) > 0;) {
    answer.append(block, static_cast<std::size_t>(size));
  }
  close(descriptor);
  return answer;
}

class Counting : public HttpExchange {
 public:
  void on_body(Bytes bytes) override { size_ += bytes.size(); }
  HttpResponse finish() override {
    HttpResponse response;
    response.body = std::to_string(size_);
    return response;
  }

 private:
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
      talk(server.port(), "GET /here?a%20b=c+%26 HTTP/1.1\r\nHost: x\r\nX-Mixed-Case: v\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 418")) << answer;
  EXPECT_NE(answer.find("X-Seen: v\r\n"), std::string::npos);
  EXPECT_TRUE(answer.ends_with("\r\n\r\nGET/herec &")) << answer;
}

TEST(HttpServer, StreamsARequestBody) {
  HttpServer server({}, [](const HttpRequest&) { return std::make_unique<Counting>(); });
  std::string body(5'000'000, 'x');
  EXPECT_TRUE(
      talk(server.port(), "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5000000\r\n\r\n" + body)
          .ends_with("\r\n\r\n5000000"));
}

TEST(HttpServer, EndsAStreamedResponseOnlyWhenItIsComplete) {
  std::string request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
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
  EXPECT_TRUE(
      talk(server.port(), "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 500"));
}

}  // namespace
}  // namespace echodb
