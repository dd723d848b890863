#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "config/limits.h"
#include "server/connection_watch.h"
#include "server/http_message.h"
#include "server/page_guard.h"

namespace echodb {

/// One request and its response. Every call comes from the connection's own thread and may take its time. Destroyed
/// when the response is out or the client is gone; without finish() the client left in the middle of the body.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;
  /// The answer, when it needs nothing of the body. Asked for once, before a body that is not small: that is not read
  /// then, and the connection closed.
  virtual std::optional<HttpResponse> early_answer() { return std::nullopt; }
  /// Whether the client has shown that it may ask this; it is given more time then.
  [[nodiscard]] virtual bool is_trusted() const { return false; }
  /// The next bytes of the body. An exception breaks the connection.
  virtual void on_body(Bytes bytes) = 0;
  /// The body is complete. An exception becomes a 500.
  virtual HttpResponse finish() = 0;
};

using HttpHandler = std::function<std::unique_ptr<HttpExchange>(HttpRequest)>;

/// A handler for requests whose body does not matter: a large one is refused with 413. `trusts` says whether a
/// request's client is trusted.
HttpHandler without_body(std::function<HttpResponse(const HttpRequest&)> respond,
                         std::function<bool(const HttpRequest&)> trusts = {});

struct HttpServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;     ///< 0: any free port
  std::string port_variable;  ///< names the port in the remedy when it is taken, e.g. "HEALTH_CHECK_PORT"
  /// Listens on this Unix socket of mode 0600 in place of host and port; one that is there is replaced.
  std::string unix_socket = {};
  unsigned connections_max = limits::kClickHouseConnectionsMax;  ///< each has a thread
  std::vector<std::string> allowed_hosts = {};                   ///< as PageGuard::Options
  std::vector<std::string> allowed_origins = {};
  ConnectionTimes times = {};
};

/// HTTP/1.1 with keep-alive, one thread per connection, request and response bodies streamed. Web pages are kept out
/// by PageGuard, slow clients by ConnectionWatch.
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
