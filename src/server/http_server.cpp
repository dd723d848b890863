// HTTP over libmicrohttpd, in its mode of one thread per connection: a handler may block on a query or on a slow
// client, and the others do not notice.
//
// The library calls answer() once with the headers, then once per piece of the body, then once with no bytes at the
// end. A response can be given only at the end, so an exchange that fails early reads on and reports at finish().
#include "server/http_server.h"

#include <microhttpd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <condition_variable>
#include <mutex>

#include "base/error.h"
#include "base/log.h"
#include "server/listening_socket.h"

namespace echodb {
namespace {

constexpr std::size_t kStreamBlockBytes = 256 << 10;

const std::string* find_field(const HttpFields& fields, std::string_view name) {
  auto found = std::find_if(fields.begin(), fields.end(), [&](const auto& field) { return field.first == name; });
  return found == fields.end() ? nullptr : &found->second;
}

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

class RequestOnly : public HttpExchange {
 public:
  RequestOnly(std::function<HttpResponse(const HttpRequest&)> respond, HttpRequest request)
      : respond_(std::move(respond)), request_(std::move(request)) {}
  void on_body(Bytes) override {}
  HttpResponse finish() override { return respond_(request_); }

 private:
  std::function<HttpResponse(const HttpRequest&)> respond_;
  HttpRequest request_;
};

}  // namespace

const std::string* HttpRequest::parameter(std::string_view name) const { return find_field(parameters, name); }
const std::string* HttpRequest::header(std::string_view lower_case_name) const {
  return find_field(headers, lower_case_name);
}

HttpHandler without_body(std::function<HttpResponse(const HttpRequest&)> respond) {
  return [respond = std::move(respond)](HttpRequest request) {
    return std::make_unique<RequestOnly>(respond, std::move(request));
  };
}

class HttpServer::Daemon {
 public:
  Daemon(HttpServerOptions options, HttpHandler handler) : options_(std::move(options)), handler_(std::move(handler)) {
    ListeningSocket socket = listen_on(options_.host, options_.port, options_.port_variable);
    port_ = socket.port;
    daemon_ = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL | MHD_USE_ITC, 0, nullptr,
        nullptr, &Daemon::answer, this, MHD_OPTION_LISTEN_SOCKET, socket.descriptor, MHD_OPTION_NOTIFY_COMPLETED,
        &Daemon::completed, this, MHD_OPTION_CONNECTION_LIMIT, options_.connections_max,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, options_.request_bytes_max, MHD_OPTION_CONNECTION_TIMEOUT,
        static_cast<unsigned>(options_.idle_timeout.count()), MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
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
    std::unique_lock lock(mutex_);
    return idle_.wait_for(lock, longest, [this] { return active_ == 0; });
  }

 private:
  // NOLINTNEXTLINE(readability-function-size): the library's signature
  static MHD_Result answer(void* self, MHD_Connection* connection, const char* path, const char* method, const char*,
                           const char* body, std::size_t* body_size, void** exchange) noexcept {
    try {
      if (*exchange == nullptr) {
        static_cast<Daemon*>(self)->begin(connection, method, path, exchange);
        return MHD_YES;
      }
      return go_on(connection, {body, *body_size}, *static_cast<HttpExchange*>(*exchange), *body_size);
    } catch (const std::exception& failure) {
      log::debug("a connection was broken off: {}", failure.what());
      return MHD_NO;
    }
  }

  static MHD_Result go_on(MHD_Connection* connection, std::string_view body, HttpExchange& exchange,
                          std::size_t& bytes_left) {
    if (body.empty()) return queue(connection, finish(exchange));
    exchange.on_body(as_bytes(body));
    bytes_left = 0;
    return MHD_YES;
  }

  void begin(MHD_Connection* connection, const char* method, const char* path, void** exchange) {
    // A request may take longer than the idle time without a byte going either way.
    MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, 0U);
    *exchange = handler_(read_request(connection, method, path)).release();
    std::lock_guard lock(mutex_);
    ++active_;
  }

  static void completed(void* self, MHD_Connection* connection, void** exchange, MHD_RequestTerminationCode) noexcept {
    if (*exchange == nullptr) return;
    delete static_cast<HttpExchange*>(*exchange);
    *exchange = nullptr;
    auto* daemon = static_cast<Daemon*>(self);
    MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT,
                              static_cast<unsigned>(daemon->options_.idle_timeout.count()));
    std::lock_guard lock(daemon->mutex_);
    if (--daemon->active_ == 0) daemon->idle_.notify_all();
  }

  const HttpServerOptions options_;
  const HttpHandler handler_;
  MHD_Daemon* daemon_ = nullptr;
  std::uint16_t port_ = 0;

  std::mutex mutex_;
  std::condition_variable idle_;
  std::size_t active_ = 0;  // exchanges alive, protected by mutex_
};

HttpServer::HttpServer(HttpServerOptions options, HttpHandler handler)
    : daemon_(std::make_unique<Daemon>(std::move(options), std::move(handler))) {}
HttpServer::~HttpServer() = default;

std::uint16_t HttpServer::port() const { return daemon_->port(); }
void HttpServer::stop_accepting() { daemon_->stop_accepting(); }
bool HttpServer::wait_until_idle(std::chrono::milliseconds longest) { return daemon_->wait_until_idle(longest); }

}  // namespace echodb
