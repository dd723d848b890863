#include <array>

#include "embedded/clickhouse_failure.h"
#include "embedded/clickhouse_request.h"
#include "server/page_guard.h"

namespace echodb {
namespace {

[[noreturn]] void fail(const std::string& why) {
  throw clickhouse_failure(clickhouse_codes::kAuthenticationFailed, "Invalid authentication: " + why);
}

int base64_value(char letter) {
  if (letter >= 'A' && letter <= 'Z') return letter - 'A';
  if (letter >= 'a' && letter <= 'z') return letter - 'a' + 26;
  if (letter >= '0' && letter <= '9') return letter - '0' + 52;
  if (letter == '+') return 62;
  if (letter == '/') return 63;
  return -1;
}

std::string decode_base64(std::string_view text) {
  std::string decoded;
  unsigned bits = 0;
  int count = 0;
  for (char letter : text) {
    if (letter == '=') break;
    int value = base64_value(letter);
    if (value < 0) fail("the Authorization header is not base64");
    bits = (bits << 6) | static_cast<unsigned>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      decoded.push_back(static_cast<char>((bits >> count) & 0xFF));
    }
  }
  return decoded;
}

ClickHouseCredentials read_basic(const std::string& authorization) {
  constexpr std::string_view kScheme = "Basic ";
  if (!authorization.starts_with(kScheme)) fail("only the Basic scheme is served in the Authorization header");
  std::string pair = decode_base64(std::string_view(authorization).substr(kScheme.size()));
  auto colon = std::min(pair.find(':'), pair.size());
  return {.user = pair.substr(0, colon), .password = colon < pair.size() ? pair.substr(colon + 1) : std::string()};
}

std::string value_or(const std::string* value, const char* otherwise) { return value == nullptr ? otherwise : *value; }

}  // namespace

ClickHouseCredentials read_credentials(const HttpRequest& http) {
  const auto* header_user = http.header("x-clickhouse-user");
  const auto* header_key = http.header("x-clickhouse-key");
  const auto* authorization = http.header("authorization");
  const auto* url_user = http.parameter("user");
  const auto* url_password = http.parameter("password");
  bool in_headers = header_user != nullptr || header_key != nullptr;
  bool in_url = url_user != nullptr || url_password != nullptr;
  if (int{in_headers} + int{in_url} + int{authorization != nullptr} > 1) {
    fail("it is not allowed to use two of X-ClickHouse headers, Authorization header and URL parameters together");
  }
  // A link or an image needs no leave of anybody to be asked for, and a URL is kept in histories and logs.
  if (in_url && is_from_page(http)) fail("a page gives user and password in headers, not in the URL");
  if (in_headers) return {.user = value_or(header_user, "default"), .password = value_or(header_key, "")};
  if (authorization != nullptr) return read_basic(*authorization);
  return {.user = value_or(url_user, "default"), .password = value_or(url_password, "")};
}

}  // namespace echodb
