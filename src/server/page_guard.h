#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/http_message.h"

namespace echodb {

/// Keeps web pages out of a server on the user's machine. A browser lets every page send requests to loopback, and a
/// page whose name is made to point there (DNS rebinding) may read the answers too. A page cannot forge these headers:
///
///   Host             an IP address, localhost, a name of this machine, the name we listen on, or an allowed one
///   Origin           absent, the server's own, or an allowed one
///   Sec-Fetch-Site   absent, same-origin or none, unless the Origin is an allowed one
///
/// Programs that are no browsers send only the first. Immutable: any thread may ask.
class PageGuard {
 public:
  struct Options {
    std::string listen_host;
    std::vector<std::string> allowed_hosts;    ///< ECHODB_ALLOWED_HOSTS
    std::vector<std::string> allowed_origins;  ///< ECHODB_ALLOWED_ORIGINS: `https://name:port`; `*`: any
  };
  explicit PageGuard(Options options);

  /// The 403 with its reason, or nothing when the request may pass.
  [[nodiscard]] std::optional<HttpResponse> refuse(const HttpRequest& request) const;
  /// The answer to a page's question whether it may send a request (CORS preflight); nothing: that is no such question.
  [[nodiscard]] std::optional<HttpResponse> answer_preflight(const HttpRequest& request) const;
  /// The headers that let a page of an allowed origin read a response.
  [[nodiscard]] HttpFields response_headers(const HttpRequest& request) const;

 private:
  [[nodiscard]] bool is_own_host(const std::string& header) const;
  [[nodiscard]] bool is_listed_origin(const std::string& origin) const;

  std::vector<std::string> hosts_;  // in lower case, without port
  std::vector<std::string> origins_;
  bool any_origin_ = false;
};

/// Whether a browser sent the request on behalf of a page, as far as headers tell.
bool is_from_page(const HttpRequest& request);

}  // namespace echodb
