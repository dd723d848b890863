#pragma once

#include <curl/curl.h>

#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "clickhouse/server_answer.h"
#include "config/settings.h"

namespace echodb {

/// Both directions of one HTTP request, in the form that libcurl's callbacks want. One thread; neither is copied while
/// a request runs, because libcurl has their addresses.

/// The body of one request, read once from front to back; libcurl rewinds it when a kept connection turns out dead.
/// Without the permit it breaks off, and the server sees that it has not been sent to its end.
struct Upload {
  std::span<const Bytes> parts;
  const std::function<Bytes()>* next = nullptr;
  const WritePermit* permit = nullptr;
  std::size_t part = 0;
  std::size_t offset = 0;
  Bytes made = {};                  ///< by `next`
  std::exception_ptr failure = {};  ///< of `next`: must not pass through libcurl

  [[nodiscard]] std::size_t size() const;
  /// Nothing: that was all, and `next` is not asked again.
  std::size_t read(char* into, std::size_t room);
  /// Makes the body this request's.
  void attach(CURL* curl);
};

/// What comes back. Rows are handed on piece by piece, and only once the head has shown that they are ClickHouse's;
/// everything else is kept.
struct Download {
  CURL* curl;
  Expectation expected;
  bool is_question = false;                             ///< its answer shows which marks to expect
  const std::function<void(Bytes)>* consume = nullptr;  ///< null: rows are kept as well
  AnswerHead head = {};
  std::string kept = {};
  std::string tail = {};            ///< the last bytes of the body
  std::exception_ptr failure = {};  ///< of `consume`: must not pass through libcurl
  std::optional<bool> is_trusted = {};

  [[nodiscard]] int status() const;
  /// Why an answer of 200 is not to be believed.
  [[nodiscard]] std::optional<std::string> doubt() const;
  /// False ends the request.
  bool take(std::string_view piece);
  void attach();
};

}  // namespace echodb
