#include "embedded/clickhouse_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <random>

#include "embedded/clickhouse_failure.h"
#include "embedded/statement_guard.h"

namespace echodb {
namespace {

constexpr std::string_view kParameterPrefix = "param_";
constexpr std::size_t kBufferBytesMax = 64 << 20;

// Read elsewhere, or without a meaning for one server with one user; none of them is a setting.
constexpr std::array<std::string_view, 9> kNotSettings{
    "", "query", "user", "password", "quota_key", "query_id", "stacktrace", "client_protocol_version", "session_check"};

bool parse_flag(const std::string& name, const std::string& text) {
  if (text == "1" || text == "true") return true;
  if (text == "0" || text == "false") return false;
  throw clickhouse_failure(clickhouse_codes::kBadArguments, fmt::format("Cannot parse '{}' of {}", text, name));
}

std::size_t parse_size(const std::string& name, const std::string& text) {
  std::size_t value = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure == std::errc() && end == text.data() + text.size()) return value;
  throw clickhouse_failure(clickhouse_codes::kBadArguments, fmt::format("Cannot parse '{}' of {}", text, name));
}

std::chrono::seconds parse_session_timeout(const std::string& text) {
  std::chrono::seconds timeout(parse_size("session_timeout", text));
  if (timeout <= ChdbSessions::kTimeoutMax) return timeout;
  throw clickhouse_failure(clickhouse_codes::kInvalidSessionTimeout,
                           fmt::format("Session timeout '{}' is larger than max_session_timeout: {}", text,
                                       ChdbSessions::kTimeoutMax.count()));
}

std::string make_query_id() {
  thread_local std::mt19937_64 random{std::random_device{}()};
  auto high = random();
  auto low = random();
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xFFFF, high & 0xFFF,
                     0x8000 | ((low >> 48) & 0x3FFF), low & 0xFFFFFFFFFFFF);
}

class RequestReader {
 public:
  explicit RequestReader(const HttpRequest& http) : http_(http) {}

  ClickHouseRequest read() {
    if (const auto* query = http_.parameter("query")) request_.query = *query;
    if (const auto* database = http_.header("x-clickhouse-database")) request_.connection.database = *database;
    if (const auto* format = http_.header("x-clickhouse-format")) request_.default_format = *format;
    request_.reads_only = http_.method == "GET" || http_.method == "HEAD";
    read_body_encoding();
    read_session();
    for (const auto& [name, value] : http_.parameters) read_parameter(name, value);
    finish_response();
    return std::move(request_);
  }

 private:
  void read_body_encoding() {
    if (const auto* type = http_.header("content-type"); type != nullptr && type->starts_with("multipart/form-data")) {
      throw clickhouse_failure(clickhouse_codes::kNotImplemented,
                               "External data in multipart/form-data is not served by the embedded server");
    }
    if (const auto* encoding = http_.header("content-encoding")) {
      request_.body_encoding = parse_content_encoding(*encoding);
    }
  }

  void read_session() {
    const auto* id = http_.parameter("session_id");
    if (id == nullptr || id->empty()) return;
    ChdbSessions::Request session{.id = *id};
    if (const auto* timeout = http_.parameter("session_timeout")) session.timeout = parse_session_timeout(*timeout);
    if (const auto* check = http_.parameter("session_check")) session.must_exist = parse_flag("session_check", *check);
    request_.connection.session = session;
  }

  void read_parameter(const std::string& name, const std::string& value) {
    if (std::find(kNotSettings.begin(), kNotSettings.end(), name) != kNotSettings.end()) return;
    if (name == "session_id" || name == "session_timeout") return;
    if (read_response_wish(name, value)) return;
    if (name.starts_with(kParameterPrefix)) {
      request_.parameters.emplace_back(name.substr(kParameterPrefix.size()), value);
    } else if (name == "database") {
      if (request_.connection.database.empty()) request_.connection.database = value;
    } else if (name == "default_format") {
      if (http_.header("x-clickhouse-format") == nullptr) request_.default_format = value;
    } else if (name == "role") {
      request_.connection.role = value;
    } else if (name == "close_session") {
      request_.connection.close_session = parse_flag(name, value);
    } else if (name == "compress" || name == "decompress") {
      refuse_native_compression(name, value);
    } else if (is_refused_setting(name)) {
      throw clickhouse_failure(clickhouse_codes::kNotImplemented,
                               fmt::format("The setting {} is not served by the embedded server", name));
    } else {
      request_.connection.settings.emplace_back(name, value);
    }
  }

  /// Settings that concern HTTP and not the engine; those connections stay as they are.
  bool read_response_wish(const std::string& name, const std::string& value) {
    auto& wishes = request_.response;
    if (name == "enable_http_compression") {
      compress_ = parse_flag(name, value);
    } else if (name == "http_zlib_compression_level") {
      wishes.compression_level = static_cast<int>(std::min<std::size_t>(parse_size(name, value), 9));
    } else if (name == "buffer_size" || name == "http_response_buffer_size") {
      wishes.buffer_bytes = std::clamp(parse_size(name, value), wishes.buffer_bytes, kBufferBytesMax);
    } else if (name == "wait_end_of_query" || name == "http_wait_end_of_query") {
      wishes.wait_end_of_query = parse_flag(name, value);
    } else if (name == "add_http_cors_header") {
      // Which pages may read a response is for ECHODB_ALLOWED_ORIGINS to say, not for the page.
      parse_flag(name, value);
    } else {
      return false;
    }
    return true;
  }

  static void refuse_native_compression(const std::string& name, const std::string& value) {
    if (!parse_flag(name, value)) return;
    throw clickhouse_failure(clickhouse_codes::kNotImplemented,
                             fmt::format("{}=1 is not served by the embedded server; use the Content-Encoding and "
                                         "Accept-Encoding headers with enable_http_compression=1",
                                         name));
  }

  void finish_response() {
    const auto* accepted = http_.header("accept-encoding");
    if (compress_ && accepted != nullptr) request_.response.encoding = choose_content_encoding(*accepted);
    // `readonly` forbids changing what comes after it.
    std::stable_partition(request_.connection.settings.begin(), request_.connection.settings.end(),
                          [](const auto& setting) { return setting.first != "readonly"; });
  }

  const HttpRequest& http_;
  ClickHouseRequest request_;
  bool compress_ = false;
};

}  // namespace

ClickHouseRequest read_clickhouse_request(const HttpRequest& http) { return RequestReader(http).read(); }

std::string read_query_id(const HttpRequest& http) {
  for (const auto* given : {http.parameter("query_id"), http.header("x-clickhouse-query-id")}) {
    if (given != nullptr && !given->empty()) return *given;
  }
  return make_query_id();
}

}  // namespace echodb
