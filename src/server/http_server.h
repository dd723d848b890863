#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace echodb {

using HttpFields = std::vector<std::pair<std::string, std::string>>;

/// What a client asked, without the body. Names of headers are in lower case, URL parameters are decoded.
struct HttpRequest {
  std::string method;
  std::string path;
  HttpFields parameters;
  HttpFields headers;

  /// The first value of that name, or nullptr.
  [[nodiscard]] const std::string* parameter(std::string_view name) const;
  [[nodiscard]] const std::string* header(std::string_view lower_case_name) const;
};

/// A response body that is made while it is sent. Owned and used by one connection's thread.
class HttpBodySource {
 public:
  virtual ~HttpBodySource() = default;
  /// Writes at most `into.size()` bytes and returns how many; waits for the first one; 0 is the end of the body. An
  /// exception breaks the connection, so that the client knows the body is incomplete.
  virtual std::size_t read(std::span<std::byte> into) = 0;
};

struct HttpResponse {
  unsigned status = 200;
  HttpFields headers;
  std::string body;
  std::unique_ptr<HttpBodySource> stream;  ///< when set, it is sent chunked in place of `body`
};

/// One request and its response. Every call comes from the connection's own thread and may take its time. Destroyed
/// when the response is out or the client is gone; without finish() the client left in the middle of the body.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;
  /// The next bytes of the body. An exception breaks the connection.
  virtual void on_body(Bytes bytes) = 0;
  /// The body is complete. An exception becomes a 500.
  virtual HttpResponse finish() = 0;
};

using HttpHandler = std::function<std::unique_ptr<HttpExchange>(HttpRequest)>;

/// A handler for requests whose body does not matter.
HttpHandler without_body(std::function<HttpResponse(const HttpRequest&)> respond);

struct HttpServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;          ///< 0: any free port
  std::string port_variable;       ///< names the port in the remedy when it is taken, e.g. "HEALTH_CHECK_PORT"
  unsigned connections_max = 256;  ///< each has a thread
  std::size_t request_bytes_max = 1280 << 10;  ///< request line and headers; a URL of 1 MB fits
  std::chrono::seconds idle_timeout{300};      ///< a silent connection between two requests is closed after this
};

/// HTTP/1.1 with keep-alive, one thread per connection, request and response bodies streamed.
/// Throws Error(PortBusy) when the port is taken and Error(InvalidConfiguration) when the host is not ours.
class HttpServer {
 public:
  HttpServer(HttpServerOptions options, HttpHandler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  /// Stops accepting connections; what runs goes on.
  void stop_accepting();
  /// Waits until no request is being served; false when `longest` passed first.
  bool wait_until_idle(std::chrono::milliseconds longest);

  class Daemon;

 private:
  std::unique_ptr<Daemon> daemon_;
};

}  // namespace echodb
