#include "clickhouse/client.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <vector>

#include "clickhouse/server_error.h"
#include "config/limits.h"

namespace echodb {
namespace {

using Handle = std::unique_ptr<CURL, void (*)(CURL*)>;
using Headers = std::unique_ptr<curl_slist, void (*)(curl_slist*)>;

void initialise_once() {
  static const CURLcode kDone = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (kDone != CURLE_OK) throw Error(ErrorCode::SystemFailure, "libcurl cannot be initialised");
}

/// Whether the server answers at all, found out before rows are sent again.
constexpr std::chrono::seconds kProbeTimeout{5};

/// What a request is made of.
struct Request {
  std::string_view sql_in_url = {};
  std::span<const Bytes> body = {};
  const std::function<Bytes()>* next = nullptr;  ///< the body, when it is made while it is sent
  const ClickHouseClient::Parameters& parameters;
  std::chrono::milliseconds timeout;
};

/// The body of one request, read once from front to back; libcurl rewinds it when a kept connection turns out dead.
/// Without the permit it breaks off, and the server sees that it has not been sent to its end.
struct Upload {
  std::span<const Bytes> parts;
  const std::function<Bytes()>* next = nullptr;
  const WritePermit* permit = nullptr;
  std::size_t part = 0;
  std::size_t offset = 0;
  Bytes made = {};                  ///< by `next`
  std::exception_ptr failure = {};  ///< of `next`: must not pass through libcurl

  [[nodiscard]] std::size_t size() const {
    std::size_t total = 0;
    for (Bytes bytes : parts) total += bytes.size();
    return total;
  }

  /// Nothing: that was all, and `next` is not asked again.
  std::size_t read(char* into, std::size_t room) {
    if (next != nullptr && part == parts.size()) {
      made = (*next)();
      if (made.empty()) return 0;
      parts = std::span(&made, 1);
      part = 0;
    }
    std::size_t copied = 0;
    while (copied < room && part < parts.size()) {
      Bytes rest = parts[part].subspan(offset);
      std::size_t count = std::min(rest.size(), room - copied);
      std::memcpy(into + copied, rest.data(), count);
      copied += count;
      offset += count;
      if (offset == parts[part].size()) {
        ++part;
        offset = 0;
      }
    }
    return copied;
  }
};

std::size_t on_read(char* into, std::size_t size, std::size_t count, void* upload) {
  auto* body = static_cast<Upload*>(upload);
  if (body->permit != nullptr && !body->permit->held()) return CURL_READFUNC_ABORT;
  try {
    std::size_t copied = body->read(into, size * count);
    // What was waited for may have taken longer than the lease lasts.
    return body->permit == nullptr || body->permit->held() ? copied : CURL_READFUNC_ABORT;
  } catch (...) {
    body->failure = std::current_exception();
    return CURL_READFUNC_ABORT;
  }
}

int on_rewind(void* upload, curl_off_t offset, int origin) {
  auto* body = static_cast<Upload*>(upload);
  if (offset != 0 || origin != SEEK_SET || body->next != nullptr) return CURL_SEEKFUNC_CANTSEEK;
  body->part = 0;
  body->offset = 0;
  return CURL_SEEKFUNC_OK;
}

std::size_t on_answer(char* from, std::size_t size, std::size_t count, void* answer) {
  static_cast<std::string*>(answer)->append(from, size * count);
  return size * count;
}

/// What a statement prints, handed on piece by piece. The body of a refusal is kept instead.
struct Download {
  CURL* curl;
  const std::function<void(Bytes)>& consume;
  std::string refusal = {};
  std::exception_ptr failure = {};  ///< of `consume`: must not pass through libcurl
};

std::size_t on_piece(char* from, std::size_t size, std::size_t count, void* download) {
  auto& into = *static_cast<Download*>(download);
  const std::string_view piece(from, size * count);
  long status = 0;
  curl_easy_getinfo(into.curl, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) {
    into.refusal += piece;
    return piece.size();
  }
  try {
    into.consume(as_bytes(piece));
  } catch (...) {
    into.failure = std::current_exception();
    return 0;
  }
  return piece.size();
}

/// What was sent and is not acknowledged for so long will not be: the connection is dead.
int on_socket(void*, curl_socket_t socket, curlsocktype) {
  auto milliseconds = static_cast<unsigned>(std::chrono::milliseconds(limits::kSocketTimeout).count());
  // It can only fail on what is no TCP socket, which has no such silence.
  static_cast<void>(setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds));
  return CURL_SOCKOPT_OK;
}

int on_progress(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<std::stop_token*>(stop)->stop_requested() ? 1 : 0;
}

/// A Unix socket's address of any length: libcurl, like the kernel, takes 108 characters.
class SocketPath {
 public:
  explicit SocketPath(const std::string& path) : text_(path) {
    if (path.size() < sizeof(sockaddr_un::sun_path)) return;
    std::filesystem::path whole(path);
    directory_ = open(whole.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    text_ = fmt::format("/proc/self/fd/{}/{}", directory_, whole.filename().string());
  }
  ~SocketPath() {
    if (directory_ >= 0) close(directory_);
  }
  SocketPath(const SocketPath&) = delete;
  SocketPath& operator=(const SocketPath&) = delete;

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
  int directory_ = -1;
};

}  // namespace

class ClickHouseClient::Impl {
 public:
  Impl(ClickHouseSettings settings, std::stop_token stop)
      : settings_(std::move(settings)),
        socket_(settings_.socket),
        stop_(std::move(stop)),
        handle_(nullptr, &curl_easy_cleanup) {
    initialise_once();
    handle_.reset(curl_easy_init());
    if (handle_ == nullptr) throw Error(ErrorCode::SystemFailure, "libcurl has no handle to give");
  }

  std::string post(const Request& request) {
    return through_gate([&] { return send(request); });
  }

  void read(std::string_view sql, const std::function<void(Bytes)>& consume, const Parameters& parameters) {
    Download download{.curl = handle_.get(), .consume = consume};
    Bytes body = as_bytes(sql);
    through_gate([&] {
      try {
        send({.body = std::span(&body, 1), .parameters = parameters, .timeout = limits::kCheckQueryTimeout}, &download);
      } catch (const Error&) {
        // It was `consume` that ended it: the server is not to blame.
        if (!download.failure) throw;
      }
      return std::string();
    });
    if (download.failure) std::rethrow_exception(download.failure);
  }

  ClickHouseSettings settings_;

 private:
  /// Sends when the gate lets it pass, after a probe if the gate wants one, and says how it went.
  template <typename Send>
  std::string through_gate(Send send_it) {
    while (true) {
      AttemptGate::Attempt attempt(settings_.gate.get());
      Bytes probe = as_bytes("SELECT 1");
      const bool is_probe = attempt.is_probe();
      try {
        std::string answer =
            is_probe ? send({.body = std::span(&probe, 1), .parameters = {}, .timeout = kProbeTimeout}) : send_it();
        attempt.succeeded();
        if (!is_probe) return answer;
      } catch (const Error& error) {
        // The server is not to blame for what ended in the making of the body.
        if (failed_in_making_) throw;
        // Whatever it says, it answers.
        if (error.code() == ErrorCode::TargetUnreachable) attempt.failed();
        if (error.code() != ErrorCode::TargetUnreachable && error.code() != ErrorCode::Stopped) attempt.succeeded();
        throw;
      }
    }
  }

  /// Returns what was printed, unless it goes to a download.
  std::string send(const Request& request, Download* download = nullptr) {
    failed_in_making_ = false;
    std::string url = build_url(request.sql_in_url, request.parameters);
    Headers headers = build_headers(request.next != nullptr);
    Upload upload{.parts = request.body, .next = request.next, .permit = settings_.permit.get()};
    std::string answer;
    CURL* curl = handle_.get();
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    if (!socket_.text().empty()) curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket_.text().c_str());
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    auto size = request.next == nullptr ? static_cast<curl_off_t>(upload.size()) : curl_off_t{-1};
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, size);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, &on_read);
    curl_easy_setopt(curl, CURLOPT_READDATA, &upload);
    curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, &on_rewind);
    curl_easy_setopt(curl, CURLOPT_SEEKDATA, &upload);
    if (download == nullptr) {
      curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &on_answer);
      curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    } else {
      curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &on_piece);
      curl_easy_setopt(curl, CURLOPT_WRITEDATA, download);
      curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 512L * 1024);
    }
    curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, 512L * 1024);
    curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(limits::kConnectTimeout));
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, milliseconds(request.timeout));
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPIDLE, 5L);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPINTVL, 3L);
    curl_easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, &on_socket);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &stop_);
    // Last, so that no time passes between the look at the lease and the request.
    if (settings_.permit != nullptr) settings_.permit->expect();
    try {
      perform(download == nullptr ? answer : download->refusal);
    } catch (const Error&) {
      failed_in_making_ = upload.failure != nullptr;
      if (upload.failure) std::rethrow_exception(upload.failure);
      throw;
    }
    return answer;
  }

  static long milliseconds(std::chrono::milliseconds duration) { return static_cast<long>(duration.count()); }

  [[nodiscard]] std::string escape(std::string_view text) const {
    std::unique_ptr<char, void (*)(void*)> escaped(
        curl_easy_escape(handle_.get(), text.data(), static_cast<int>(text.size())), &curl_free);
    return escaped == nullptr ? std::string() : std::string(escaped.get());
  }

  [[nodiscard]] std::string build_url(std::string_view sql, const Parameters& parameters) const {
    const char* scheme = settings_.port == 8443 ? "https" : "http";
    std::string url = fmt::format("{}://{}:{}/?", scheme, settings_.host, settings_.port);
    if (!settings_.database.empty()) url += "database=" + escape(settings_.database);
    if (!settings_.query_id_prefix.empty()) url += "&query_id=" + escape(next_query_id());
    for (const auto& [name, value] : parameters) url += fmt::format("&{}={}", escape(name), escape(value));
    if (!sql.empty()) url += "&query=" + escape(sql);
    return url;
  }

  [[nodiscard]] std::string next_query_id() const {
    static std::atomic<std::uint64_t> next{0};
    return fmt::format("{}{}-{:x}", settings_.query_id_prefix, next++,
                       std::chrono::system_clock::now().time_since_epoch().count());
  }

  [[nodiscard]] Headers build_headers(bool chunked) const {
    curl_slist* list = nullptr;
    list = curl_slist_append(list, ("X-ClickHouse-User: " + settings_.user).c_str());
    list = curl_slist_append(list, ("X-ClickHouse-Key: " + settings_.password).c_str());
    // Without this, libcurl asks for leave before a large body and loses a round trip.
    list = curl_slist_append(list, "Expect:");
    list = curl_slist_append(list, "Content-Type: application/octet-stream");
    if (chunked) list = curl_slist_append(list, "Transfer-Encoding: chunked");
    return Headers(list, &curl_slist_free_all);
  }

  void perform(const std::string& answer) {
    CURLcode outcome = curl_easy_perform(handle_.get());
    if (outcome == CURLE_ABORTED_BY_CALLBACK) {
      if (settings_.permit != nullptr) settings_.permit->expect();
      throw Error(ErrorCode::Stopped, "stopped while waiting for ClickHouse");
    }
    std::string where =
        settings_.socket.empty() ? fmt::format("{}:{}", settings_.host, settings_.port) : settings_.socket;
    // A server that took the connection has its reasons; one that did not is not there.
    if (outcome == CURLE_OPERATION_TIMEDOUT && was_connected()) {
      throw Error(ErrorCode::TargetOverloaded, fmt::format("ClickHouse at {} did not answer in time", where));
    }
    if (outcome != CURLE_OK) {
      throw Error(ErrorCode::TargetUnreachable,
                  fmt::format("cannot reach ClickHouse at {}: {}", where, curl_easy_strerror(outcome)),
                  "check CLICKHOUSE_HOST and CLICKHOUSE_PORT (the HTTP interface)");
    }
    long status = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
    // A query that fails after its first rows have left says so in the body, behind a status of 200.
    if (status != 200) throw clickhouse_error(static_cast<int>(status), answer);
  }

  [[nodiscard]] bool was_connected() const {
    curl_off_t connected_after = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_CONNECT_TIME_T, &connected_after);
    return connected_after > 0;
  }

  const SocketPath socket_;
  std::stop_token stop_;
  Handle handle_;
  bool failed_in_making_ = false;  ///< the last request, by what made its body
};

ClickHouseClient::ClickHouseClient(ClickHouseSettings settings, std::stop_token stop)
    : impl_(std::make_unique<Impl>(std::move(settings), std::move(stop))) {}
ClickHouseClient::~ClickHouseClient() = default;
ClickHouseClient::ClickHouseClient(ClickHouseClient&&) noexcept = default;
ClickHouseClient& ClickHouseClient::operator=(ClickHouseClient&&) noexcept = default;

std::string ClickHouseClient::query(std::string_view sql, const Parameters& parameters) {
  Bytes body = as_bytes(sql);
  return impl_->post({.body = std::span(&body, 1), .parameters = parameters, .timeout = limits::kQueryTimeout});
}

void ClickHouseClient::read(std::string_view sql, const std::function<void(Bytes)>& consume,
                            const Parameters& parameters) {
  Parameters whole = parameters;
  whole["wait_end_of_query"] = "1";
  impl_->read(sql, consume, whole);
}

void ClickHouseClient::insert(std::string_view insert, std::span<const Bytes> data, const Parameters& parameters) {
  impl_->post({.sql_in_url = insert, .body = data, .parameters = parameters, .timeout = limits::kInsertTimeout});
}

void ClickHouseClient::insert_while(std::string_view insert, const std::function<Bytes()>& next,
                                    const Parameters& parameters) {
  impl_->post({.sql_in_url = insert, .next = &next, .parameters = parameters, .timeout = limits::kInsertTimeout});
}

ServerVersion ClickHouseClient::server_version() {
  ServerVersion version;
  version.text = query("SELECT version()");
  while (!version.text.empty() && version.text.back() == '\n') version.text.pop_back();
  const char* end = version.text.data() + version.text.size();
  auto [dot, fault] = std::from_chars(version.text.data(), end, version.major);
  if (fault != std::errc() || dot == end || *dot != '.' ||
      std::from_chars(dot + 1, end, version.minor).ec != std::errc()) {
    throw Error(ErrorCode::ProtocolViolation, fmt::format("'{}' is not a ClickHouse version", version.text));
  }
  return version;
}

void ClickHouseClient::use_database(std::string database) { impl_->settings_.database = std::move(database); }

}  // namespace echodb
