#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace echodb {

/// Whether an HTTP answer is ClickHouse's, and the answer to the statement that was sent. A status of 200 says neither:
/// a maintenance page, a cache and a load balancer answer with it as well. ClickHouse names in every answer the query
/// that it answers, X-ClickHouse-Query-Id; ours are unguessable, and no two are alike.
///
/// Two kinds of target cannot name ours: ClickHouse before 19, which names none, and one behind chproxy, which gives
/// each query another id. Which kind a target is, is told by the answer to a question that nothing but a ClickHouse can
/// answer (`Question`), never assumed; of these two the question follows every statement.
enum class AnswerMark {
  OwnId,     ///< the query id of the request
  OtherId,   ///< a query id that somebody between has given it
  NameOnly,  ///< X-ClickHouse-Server-Display-Name alone
};

/// What the answers of one server have been seen to bear.
struct ServerMarks {
  AnswerMark mark = AnswerMark::OwnId;
  bool has_summary = false;
};

/// The head of one answer, as far as it matters here.
class AnswerHead {
 public:
  /// One line as libcurl hands it over; a status line begins anew, because an answer of 100 may come before the real
  /// one.
  void take(std::string_view line);

  [[nodiscard]] const std::string& query_id() const { return query_id_; }
  [[nodiscard]] int exception_code() const { return exception_code_; }
  /// The marks, if this is an answer to the request with that id; nullopt when it is not ClickHouse's.
  [[nodiscard]] std::optional<ServerMarks> marks(std::string_view query_id) const;
  /// Rows that were written, where the server says it.
  [[nodiscard]] std::optional<std::uint64_t> written_rows() const;
  /// Whether these last bytes of a body are the end of what ClickHouse appends when a statement fails behind its rows.
  [[nodiscard]] bool ends_in_exception(std::string_view tail) const;
  /// Whether the body's end can be told from a connection that broke.
  [[nodiscard]] bool is_framed() const { return framed_; }
  /// The bytes of a body that ends_in_exception() needs.
  static constexpr std::size_t kTailBytes = 256;

 private:
  std::string query_id_;
  std::string server_name_;
  std::string exception_tag_;
  std::string summary_;
  int exception_code_ = 0;
  bool framed_ = false;
};

/// What an answer has to be an acknowledgement of.
struct Expectation {
  std::string_view query_id;
  ServerMarks marks;
  bool needs_summary = false;         ///< the statement changes something
  std::optional<std::uint64_t> rows;  ///< that were sent
};

/// Why an answer with the status 200 is no acknowledgement; nullopt when it is one.
std::optional<std::string> find_doubt(const AnswerHead& head, const Expectation& expected);

/// Whether a refusal is ClickHouse's own, or that of a gateway whose words are known: too many requests, too large.
bool is_refusal_known(int http_status, const AnswerHead& head, std::string_view body);

/// Error(TargetUnreachable): something else has answered where ClickHouse is expected. Quotes the body's first words.
Error not_clickhouse(std::string_view where, std::string_view why, std::string_view body);

/// A sum that has to come back, so that no page, cache or echo of the request passes for a server.
struct Question {
  std::string sql;
  std::string answer;
};
Question ask_something();

/// 128 bits that nobody can guess, in hexadecimal.
std::string random_token();

}  // namespace echodb
