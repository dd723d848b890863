#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace echodb {

struct HttpAnswer {
  long status = 0;
  std::string body;
};

/// What GET answers, without any proxy; nothing when nobody answered within `longest`.
std::optional<HttpAnswer> http_get(const std::string& url,
                                   std::chrono::milliseconds longest = std::chrono::milliseconds(1000));

}  // namespace echodb
