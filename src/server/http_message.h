#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

}  // namespace echodb
