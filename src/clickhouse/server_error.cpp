#include "clickhouse/server_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace echodb {
namespace {

constexpr std::string_view kPrefix = "Code: ";
constexpr std::size_t kMessageCharactersMax = 2000;

// AUTHENTICATION_FAILED, UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD, IP_ADDRESS_NOT_ALLOWED.
constexpr std::array kAuthentication{516, 192, 193, 194, 195};
// TOO_MANY_SIMULTANEOUS_QUERIES, NOT_ENOUGH_SPACE, MEMORY_LIMIT_EXCEEDED, TOO_MANY_PARTS, TIMEOUT_EXCEEDED,
// SOCKET_TIMEOUT, TABLE_IS_READ_ONLY, CANNOT_SCHEDULE_TASK, NETWORK_ERROR, QUERY_WAS_CANCELLED, NO_FREE_CONNECTION,
// TOO_SLOW, UNFINISHED, KEEPER_EXCEPTION, DEADLOCK_AVOIDED. QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING: libcurl sent a
// statement again because its connection broke, and the first one is still at work.
constexpr std::array kOverload{202, 243, 241, 252, 159, 209, 242, 439, 210, 394, 203, 160, 341, 999, 473, 216};

constexpr int kNotEnoughSpace = 243;

/// ClickHouse says so before it writes; when it finds out by writing, in the words of the operating system.
bool is_disk_full(int code, std::string_view body) {
  return code == kNotEnoughSpace || body.find("No space left on device") != std::string_view::npos;
}

/// ALTER … RENAME COLUMN of a column that an earlier one is still at work on, BAD_ARGUMENTS: a statement that was cut
/// short goes on in the server.
bool waits_for_mutation(std::string_view body) {
  return body.find("affected by mutation with ID") != std::string_view::npos;
}

template <typename Codes>
bool contains(const Codes& codes, int code) {
  return std::ranges::find(codes, code) != codes.end();
}

/// ClickHouse quotes values it cannot read, bytes and all; a message is text.
std::string printable(std::string_view body) {
  std::string text;
  for (char c : body.substr(0, kMessageCharactersMax)) {
    auto byte = static_cast<unsigned char>(c);
    text += byte >= 0x20 && byte < 0x7F ? c : (byte == '\n' ? ' ' : '?');
  }
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

}  // namespace

int exception_code_in(std::string_view body) {
  auto at = body.find(kPrefix);
  if (at == std::string_view::npos) return 0;
  int code = 0;
  std::from_chars(body.data() + at + kPrefix.size(), body.data() + body.size(), code);
  return code;
}

Error clickhouse_error(int http_status, std::string_view body) {
  const int code = exception_code_in(body);
  std::string message = printable(body);
  if (message.empty()) message = fmt::format("ClickHouse answered with HTTP status {}", http_status);
  if (contains(kAuthentication, code) || http_status == 401) {
    return Error(ErrorCode::TargetAuthentication, "ClickHouse refused the user: " + message,
                 "check CLICKHOUSE_USER and CLICKHOUSE_PASSWORD")
        .with_peer_code(code);
  }
  if (is_disk_full(code, body)) {
    return Error(ErrorCode::TargetOverloaded, "the disk of ClickHouse is full: " + message,
                 "free space on it; until then rows wait in PostgreSQL's log")
        .with_peer_code(code);
  }
  bool overloaded = contains(kOverload, code) || waits_for_mutation(body) || http_status == 429 || http_status == 502 ||
                    http_status == 503 || http_status == 504;
  return Error(overloaded ? ErrorCode::TargetOverloaded : ErrorCode::TargetRejected, message).with_peer_code(code);
}

}  // namespace echodb
