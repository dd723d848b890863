#include "server/page_guard.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <climits>

namespace echodb {
namespace {

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// Without the port, and without the dot that ends a full name.
std::string host_part(const std::string& header) {
  std::string host = header;
  if (!host.starts_with('[')) {
    host.resize(std::min(host.find(':'), host.size()));
  } else if (auto end = host.find(']'); end != std::string::npos) {
    host.resize(end + 1);
  }
  if (host.ends_with('.')) host.pop_back();
  return lower(host);
}

bool is_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  if (inet_pton(AF_INET, host.c_str(), address.data()) == 1) return true;
  if (!host.starts_with('[') || !host.ends_with(']')) return false;
  return inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), address.data()) == 1;
}

std::string this_machine() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return gethostname(name.data(), HOST_NAME_MAX) == 0 ? lower(name.data()) : std::string();
}

/// A header's text for people: what it holds is the client's choice.
std::string shown(const std::string& text) {
  constexpr std::size_t kCharactersMax = 100;
  std::string safe = text.substr(0, kCharactersMax);
  std::ranges::replace_if(
      safe, [](unsigned char c) { return c < 0x20 || c > 0x7E; }, '?');
  return safe;
}

HttpResponse forbidden(const std::string& why) {
  return {.status = 403,
          .headers = {{"Content-Type", "text/plain; charset=utf-8"}, {"X-Content-Type-Options", "nosniff"}},
          .body = why + "\n",
          .stream = nullptr};
}

}  // namespace

PageGuard::PageGuard(Options options) : origins_(std::move(options.allowed_origins)) {
  hosts_ = {"localhost", lower(options.listen_host), this_machine()};
  for (const std::string& host : options.allowed_hosts) hosts_.push_back(host_part(host));
  std::erase(hosts_, "");
  for (std::string& origin : origins_) {
    origin = lower(origin);
    if (origin.ends_with('/')) origin.pop_back();
  }
  any_origin_ = std::ranges::find(origins_, "*") != origins_.end();
}

bool PageGuard::is_own_host(const std::string& header) const {
  std::string host = host_part(header);
  return is_address(host) || std::ranges::find(hosts_, host) != hosts_.end();
}

bool PageGuard::is_listed_origin(const std::string& origin) const {
  return any_origin_ || std::ranges::find(origins_, lower(origin)) != origins_.end();
}

std::optional<HttpResponse> PageGuard::refuse(const HttpRequest& request) const {
  const std::string* host = request.header("host");
  if (host != nullptr && !is_own_host(*host)) {
    return forbidden(
        fmt::format("The Host header names '{}', which is no name of this server. If it is one, list it in "
                    "ECHODB_ALLOWED_HOSTS.",
                    shown(*host)));
  }
  const std::string* origin = request.header("origin");
  if (origin != nullptr) {
    // No TLS here: the own origin is http, under the name and port that the client used.
    bool own = host != nullptr && lower(*origin) == "http://" + lower(*host);
    if (own || is_listed_origin(*origin)) return std::nullopt;
    return forbidden(
        fmt::format("Pages of '{}' may not ask this server. If they are to, list it in "
                    "ECHODB_ALLOWED_ORIGINS.",
                    shown(*origin)));
  }
  const std::string* site = request.header("sec-fetch-site");
  if (site == nullptr || *site == "same-origin" || *site == "none" || any_origin_) return std::nullopt;
  return forbidden(
      "Pages of another origin may not ask this server. If they are to, list theirs in "
      "ECHODB_ALLOWED_ORIGINS.");
}

std::optional<HttpResponse> PageGuard::answer_preflight(const HttpRequest& request) const {
  if (request.method != "OPTIONS" || request.header("origin") == nullptr) return std::nullopt;
  HttpResponse response{.status = 204, .headers = {}, .body = {}, .stream = nullptr};
  response.headers = {{"Access-Control-Allow-Headers",
                       "origin, x-requested-with, content-type, content-encoding, authorization, x-clickhouse-format, "
                       "x-clickhouse-database, x-clickhouse-query-id, x-clickhouse-user, x-clickhouse-key"},
                      {"Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, OPTIONS"},
                      {"Access-Control-Max-Age", "86400"}};
  // Chromium asks this before a public page may reach a private address.
  if (request.header("access-control-request-private-network") != nullptr) {
    response.headers.emplace_back("Access-Control-Allow-Private-Network", "true");
  }
  return response;
}

HttpFields PageGuard::response_headers(const HttpRequest& request) const {
  const std::string* origin = request.header("origin");
  if (origin == nullptr || !is_listed_origin(*origin)) return {};
  return {{"Access-Control-Allow-Origin", *origin}, {"Vary", "Origin"}};
}

bool is_from_page(const HttpRequest& request) {
  const std::string* site = request.header("sec-fetch-site");
  return request.header("origin") != nullptr || request.header("referer") != nullptr ||
         (site != nullptr && *site != "none");
}

}  // namespace echodb
