#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace echodb {

struct HttpAnswer {
  long status = 0;
  std::string body;
};

/// How endpoints of ours that listen there are reached from this machine: "http://127.0.0.1:8080". A wildcard address
/// is reached as loopback.
std::string endpoint_url(const std::string& listen_host, std::uint16_t port);

/// What GET answers, without any proxy; nothing when nobody answered within `longest`.
std::optional<HttpAnswer> http_get(const std::string& url,
                                   std::chrono::milliseconds longest = std::chrono::milliseconds(1000));

}  // namespace echodb
