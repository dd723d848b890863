// HTTP over libmicrohttpd, in its mode of one thread per connection: a handler may block on a query or on a slow
// client, and the others do not notice.
//
// The library calls answer() once with the headers, then once per piece of the body, then once with no bytes at the
// end. A response can be given at the start, instead of reading the body, or at the end: an exchange that fails amid
// the body reads on and reports at finish().
#include "server/http_server.h"

#include <microhttpd.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/error.h"
#include "base/log.h"
#include "base/mutex.h"
#include "server/listening_socket.h"

namespace echodb {
namespace {

constexpr std::size_t kStreamBlockBytes = 256 << 10;

MHD_Result collect(void* into, MHD_ValueKind kind, const char* key, std::size_t key_size, const char* value,
                   std::size_t value_size) {
  std::string name(key, key_size);
  if (kind == MHD_HEADER_KIND) {
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  }
  static_cast<HttpFields*>(into)->emplace_back(std::move(name),
                                               value == nullptr ? std::string() : std::string(value, value_size));
  return MHD_YES;
}

HttpRequest read_request(MHD_Connection* connection, const char* method, const char* path) {
  HttpRequest request{.method = method, .path = path, .parameters = {}, .headers = {}};
  MHD_get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, &collect, &request.parameters);
  MHD_get_connection_values_n(connection, MHD_HEADER_KIND, &collect, &request.headers);
  return request;
}

ssize_t read_stream(void* source, std::uint64_t, char* into, std::size_t bytes_max) noexcept {
  try {
    auto size = static_cast<HttpBodySource*>(source)->read({reinterpret_cast<std::byte*>(into), bytes_max});
    return size == 0 ? MHD_CONTENT_READER_END_OF_STREAM : static_cast<ssize_t>(size);
  } catch (const std::exception& failure) {
    log::debug("a response ended early: {}", failure.what());
    return MHD_CONTENT_READER_END_WITH_ERROR;
  }
}

void destroy_stream(void* source) noexcept { delete static_cast<HttpBodySource*>(source); }

MHD_Result queue(MHD_Connection* connection, HttpResponse answer) {
  MHD_Response* response =
      answer.stream ? MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, kStreamBlockBytes, &read_stream,
                                                        answer.stream.release(), &destroy_stream)
                    : MHD_create_response_from_buffer(answer.body.size(), answer.body.data(), MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) return MHD_NO;
  for (const auto& [name, value] : answer.headers) MHD_add_response_header(response, name.c_str(), value.c_str());
  MHD_Result queued = MHD_queue_response(connection, answer.status, response);
  MHD_destroy_response(response);
  return queued;
}

HttpResponse finish(HttpExchange& exchange) {
  try {
    return exchange.finish();
  } catch (const std::exception& failure) {
    log::error("a request failed: {}", failure.what());
    return {.status = 500, .headers = {{"Content-Type", "text/plain"}}, .body = failure.what(), .stream = {}};
  }
}

/// More than is read of a body that nothing is done with.
bool has_large_body(const HttpRequest& request) {
  if (request.header("transfer-encoding") != nullptr) return true;
  const std::string* length = request.header("content-length");
  if (length == nullptr) return false;
  std::uint64_t bytes = 0;
  auto [end, fault] = std::from_chars(length->data(), length->data() + length->size(), bytes);
  return fault != std::errc() || bytes > limits::kHttpIgnoredBodyBytesMax;
}

HttpResponse too_large() {
  return {.status = 413,
          .headers = {{"Content-Type", "text/plain; charset=utf-8"}},
          .body = "A request to this path has no body of use, and one so large is not read.\n",
          .stream = nullptr};
}

/// An answer that was known before the body.
class Refusal : public HttpExchange {
 public:
  explicit Refusal(HttpResponse response) : response_(std::move(response)) {}
  std::optional<HttpResponse> early_answer() override { return std::move(response_); }
  void on_body(Bytes) override {}
  HttpResponse finish() override { return std::move(response_); }

 private:
  HttpResponse response_;
};

class RequestOnly : public HttpExchange {
 public:
  RequestOnly(std::function<HttpResponse(const HttpRequest&)> respond, HttpRequest request, bool trusted)
      : respond_(std::move(respond)), request_(std::move(request)), trusted_(trusted) {}
  std::optional<HttpResponse> early_answer() override { return too_large(); }
  [[nodiscard]] bool is_trusted() const override { return trusted_; }
  void on_body(Bytes) override {}
  HttpResponse finish() override { return respond_(request_); }

 private:
  std::function<HttpResponse(const HttpRequest&)> respond_;
  HttpRequest request_;
  const bool trusted_;
};

}  // namespace

HttpHandler without_body(std::function<HttpResponse(const HttpRequest&)> respond,
                         std::function<bool(const HttpRequest&)> trusts) {
  return [respond = std::move(respond), trusts = std::move(trusts)](HttpRequest request) {
    bool trusted = trusts && trusts(request);
    return std::make_unique<RequestOnly>(respond, std::move(request), trusted);
  };
}

class HttpServer::Daemon {
 public:
  Daemon(HttpServerOptions options, HttpHandler handler)
      : options_(std::move(options)),
        handler_(std::move(handler)),
        guard_({.listen_host = options_.host,
                .allowed_hosts = options_.allowed_hosts,
                .allowed_origins = options_.allowed_origins}),
        watch_(options_.times, options_.connections_max) {
    ListeningSocket socket = options_.unix_socket.empty()
                                 ? listen_on(options_.host, options_.port, options_.port_variable)
                                 : listen_on_unix_socket(options_.unix_socket);
    port_ = socket.port;
    daemon_ = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL | MHD_USE_ITC, 0, &Daemon::admit,
        this, &Daemon::answer, this, MHD_OPTION_LISTEN_SOCKET, socket.descriptor, MHD_OPTION_NOTIFY_COMPLETED,
        &Daemon::completed, this, MHD_OPTION_NOTIFY_CONNECTION, &Daemon::connection_changed, this,
        MHD_OPTION_CONNECTION_LIMIT, options_.connections_max, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        limits::kHttpHeaderBytesMax, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
    if (daemon_ == nullptr) {
      close(socket.descriptor);
      throw Error(ErrorCode::SystemFailure, "the HTTP server did not start");
    }
  }

  ~Daemon() {
    stop_accepting();
    MHD_stop_daemon(daemon_);
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }

  void stop_accepting() {
    MHD_socket socket = MHD_quiesce_daemon(daemon_);
    if (socket != MHD_INVALID_SOCKET) close(socket);
  }

  bool wait_until_idle(std::chrono::milliseconds longest) {
    MutexLock lock(mutex_);
    const auto until = std::chrono::steady_clock::now() + longest;
    while (active_ > 0 && idle_.wait_until(mutex_, until)) continue;
    return active_ == 0;
  }

 private:
  using State = ConnectionWatch::State;

  /// A request from its header to the end of its response.
  struct Served {
    ConnectionWatch::Connection& connection;
    std::unique_ptr<HttpExchange> exchange;
    HttpFields page_headers;  ///< for a page that may read the response
    bool large_body;
    bool refused_unread = false;
  };

  static MHD_Result admit(void* self, const sockaddr* address, socklen_t) noexcept {
    return static_cast<Daemon*>(self)->watch_.admits(address) ? MHD_YES : MHD_NO;
  }

  static void connection_changed(void* self, MHD_Connection* connection, void** watched,
                                 MHD_ConnectionNotificationCode code) noexcept {
    ConnectionWatch& watch = static_cast<Daemon*>(self)->watch_;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
      const auto* descriptor = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
      const auto* address = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
      *watched = watch.opened(descriptor->connect_fd, address == nullptr ? nullptr : address->client_addr);
    } else if (*watched != nullptr) {
      watch.closed(static_cast<ConnectionWatch::Connection*>(*watched));
      *watched = nullptr;
    }
  }

  // NOLINTNEXTLINE(readability-function-size): the library's signature
  static MHD_Result answer(void* self, MHD_Connection* connection, const char* path, const char* method, const char*,
                           const char* body, std::size_t* body_size, void** served) noexcept {
    auto& daemon = *static_cast<Daemon*>(self);
    try {
      if (*served == nullptr) return daemon.begin(connection, method, path, served);
      return daemon.go_on(connection, {body, *body_size}, *static_cast<Served*>(*served), *body_size);
    } catch (const std::exception& failure) {
      log::debug("a connection was broken off: {}", failure.what());
      return MHD_NO;
    }
  }

  MHD_Result begin(MHD_Connection* connection, const char* method, const char* path, void** served) {
    HttpRequest request = read_request(connection, method, path);
    const auto* watched = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    auto beginning = std::make_unique<Served>(
        Served{.connection = *static_cast<ConnectionWatch::Connection*>(watched->socket_context),
               .exchange = nullptr,
               .page_headers = guard_.response_headers(request),
               .large_body = has_large_body(request)});
    beginning->exchange = exchange_for(std::move(request));
    Served& now = *beginning;
    *served = beginning.release();
    {
      MutexLock lock(mutex_);
      ++active_;
    }
    watch_.trust(now.connection, now.exchange->is_trusted());
    watch_.enter(now.connection, State::Reading);
    if (!now.large_body) return MHD_YES;
    std::optional<HttpResponse> early = now.exchange->early_answer();
    if (!early) return MHD_YES;
    now.refused_unread = true;
    early->headers.emplace_back("Connection", "close");
    return respond(connection, now, *std::move(early));
  }

  std::unique_ptr<HttpExchange> exchange_for(HttpRequest request) const {
    if (auto refusal = guard_.refuse(request)) return std::make_unique<Refusal>(*std::move(refusal));
    if (auto preflight = guard_.answer_preflight(request)) return std::make_unique<Refusal>(*std::move(preflight));
    return handler_(std::move(request));
  }

  MHD_Result go_on(MHD_Connection* connection, std::string_view body, Served& served, std::size_t& bytes_left) {
    if (body.empty()) {
      watch_.enter(served.connection, State::Working);
      return respond(connection, served, finish(*served.exchange));
    }
    watch_.body_arrived(served.connection, body.size());
    served.exchange->on_body(as_bytes(body));
    bytes_left = 0;
    return MHD_YES;
  }

  MHD_Result respond(MHD_Connection* connection, Served& served, HttpResponse response) {
    response.headers.insert(response.headers.end(), served.page_headers.begin(), served.page_headers.end());
    watch_.enter(served.connection, State::Answering);
    return queue(connection, std::move(response));
  }

  static void completed(void* self, MHD_Connection*, void** context, MHD_RequestTerminationCode code) noexcept {
    if (*context == nullptr) return;
    std::unique_ptr<Served> served(static_cast<Served*>(*context));
    *context = nullptr;
    auto& daemon = *static_cast<Daemon*>(self);
    served->exchange.reset();
    if (served->refused_unread && code == MHD_REQUEST_TERMINATED_COMPLETED_OK) {
      let_read(served->connection.descriptor(), daemon.options_.times.linger);
    }
    daemon.watch_.enter(served->connection, State::Waiting);
    MutexLock lock(daemon.mutex_);
    if (--daemon.active_ == 0) daemon.idle_.notify_all();
  }

  /// To close a socket that holds unread bytes would take the answer back from a client that has not read it yet.
  static void let_read(int descriptor, std::chrono::milliseconds longest) {
    shutdown(descriptor, SHUT_WR);
    std::vector<char> dropped(kStreamBlockBytes);
    auto until = std::chrono::steady_clock::now() + longest;
    while (true) {
      auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
      pollfd readable{.fd = descriptor, .events = POLLIN, .revents = 0};
      if (left.count() <= 0 || poll(&readable, 1, static_cast<int>(left.count())) <= 0) return;
      if (recv(descriptor, dropped.data(), dropped.size(), MSG_DONTWAIT) <= 0) return;
    }
  }

  const HttpServerOptions options_;
  const HttpHandler handler_;
  const PageGuard guard_;
  ConnectionWatch watch_;
  MHD_Daemon* daemon_ = nullptr;
  std::uint16_t port_ = 0;

  Mutex mutex_;
  Condition idle_;
  std::size_t active_ ECHODB_GUARDED_BY(mutex_) = 0;  // exchanges alive
};

HttpServer::HttpServer(HttpServerOptions options, HttpHandler handler)
    : daemon_(std::make_unique<Daemon>(std::move(options), std::move(handler))) {}
HttpServer::~HttpServer() = default;

std::uint16_t HttpServer::port() const { return daemon_->port(); }
void HttpServer::stop_accepting() { daemon_->stop_accepting(); }
bool HttpServer::wait_until_idle(std::chrono::milliseconds longest) { return daemon_->wait_until_idle(longest); }

}  // namespace echodb
