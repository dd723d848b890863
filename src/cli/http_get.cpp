#include "cli/http_get.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <memory>

#include "base/error.h"

namespace echodb {
namespace {

std::size_t on_answer(char* from, std::size_t size, std::size_t count, void* body) {
  static_cast<std::string*>(body)->append(from, size * count);
  return size * count;
}

}  // namespace

std::string endpoint_url(const std::string& listen_host, std::uint16_t port) {
  bool anywhere = listen_host.empty() || listen_host == "0.0.0.0" || listen_host == "::";
  std::string host = anywhere ? "127.0.0.1" : listen_host;
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return fmt::format("http://{}:{}", host, port);
}

std::optional<HttpAnswer> http_get(const std::string& url, std::chrono::milliseconds longest) {
  std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), &curl_easy_cleanup);
  if (curl == nullptr) throw Error(ErrorCode::SystemFailure, "libcurl has no handle to give");
  HttpAnswer answer;
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(longest.count()));
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &on_answer);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer.body);
  if (curl_easy_perform(curl.get()) != CURLE_OK) return std::nullopt;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &answer.status);
  return answer;
}

}  // namespace echodb
