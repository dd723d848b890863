#include "cli/http_get.h"

#include <curl/curl.h>

#include <memory>

#include "base/error.h"

namespace echodb {
namespace {

std::size_t on_answer(char* from, std::size_t size, std::size_t count, void* body) {
  static_cast<std::string*>(body)->append(from, size * count);
  return size * count;
}

}  // namespace

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
