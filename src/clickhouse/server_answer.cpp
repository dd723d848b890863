#include "clickhouse/server_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <nlohmann/json.hpp>
#include <random>

#include "base/trimmed.h"
#include "clickhouse/server_error.h"

namespace echodb {
namespace {

constexpr std::size_t kWordsShown = 160;

bool equal_ignoring_case(std::string_view left, std::string_view right) {
  return std::ranges::equal(left, right, [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
  });
}

std::mt19937_64& randomness() {
  thread_local std::mt19937_64 engine = [] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device(), device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }();
  return engine;
}

}  // namespace

void AnswerHead::take(std::string_view line) {
  if (line.starts_with("HTTP/")) {
    *this = AnswerHead();
    return;
  }
  auto colon = line.find(':');
  if (colon == std::string_view::npos) return;
  const std::string_view name = trimmed(line.substr(0, colon));
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (equal_ignoring_case(name, "X-ClickHouse-Query-Id")) query_id_ = value;
  if (equal_ignoring_case(name, "X-ClickHouse-Server-Display-Name")) server_name_ = value;
  if (equal_ignoring_case(name, "X-ClickHouse-Exception-Tag")) exception_tag_ = value;
  if (equal_ignoring_case(name, "X-ClickHouse-Summary")) summary_ = value;
  if (equal_ignoring_case(name, "X-ClickHouse-Exception-Code")) {
    std::from_chars(value.data(), value.data() + value.size(), exception_code_);
  }
  if (equal_ignoring_case(name, "Content-Length") || equal_ignoring_case(name, "Transfer-Encoding")) framed_ = true;
}

std::optional<ServerMarks> AnswerHead::marks(std::string_view query_id) const {
  const bool has_summary = !summary_.empty();
  if (query_id_ == query_id) return ServerMarks{.mark = AnswerMark::OwnId, .has_summary = has_summary};
  if (!query_id_.empty()) return ServerMarks{.mark = AnswerMark::OtherId, .has_summary = has_summary};
  if (!server_name_.empty()) return ServerMarks{.mark = AnswerMark::NameOnly, .has_summary = has_summary};
  return std::nullopt;
}

std::optional<std::uint64_t> AnswerHead::written_rows() const {
  const auto summary = nlohmann::json::parse(summary_, nullptr, /*allow_exceptions=*/false);
  if (!summary.is_object() || !summary.contains("written_rows") || !summary["written_rows"].is_string()) return {};
  const auto& text = summary["written_rows"].get_ref<const std::string&>();
  std::uint64_t rows = 0;
  auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), rows);
  return fault == std::errc() && end == text.data() + text.size() ? std::optional(rows) : std::nullopt;
}

bool AnswerHead::ends_in_exception(std::string_view tail) const {
  return !exception_tag_.empty() && tail.ends_with(fmt::format("{}\r\n__exception__\r\n", exception_tag_));
}

std::optional<std::string> find_doubt(const AnswerHead& head, const Expectation& expected) {
  const std::optional<ServerMarks> marks = head.marks(expected.query_id);
  if (!marks) return "the answer has none of ClickHouse's headers";
  if (!head.is_framed()) return "the answer does not say where it ends";
  if (marks->mark != AnswerMark::OwnId && marks->mark != expected.marks.mark) {
    return head.query_id().empty() ? "the answer does not name the query it answers"
                                   : "the answer is one to another request";
  }
  if (!expected.needs_summary || !expected.marks.has_summary) return std::nullopt;
  if (!marks->has_summary) return "the answer does not say what was done";
  // Materialized views count as well, so there may be more. Between us and chproxy's server, settings get lost that
  // have it count at all.
  const std::optional<std::uint64_t> written = head.written_rows();
  if (marks->mark != AnswerMark::OwnId || !expected.rows || !written || *written >= *expected.rows) return std::nullopt;
  return fmt::format("it was sent {} rows and says that it has written {}", *expected.rows, *written);
}

bool is_refusal_known(int http_status, const AnswerHead& head, std::string_view body) {
  if (head.exception_code() != 0 || exception_code_in(body) != 0) return true;
  // Unauthorized, Too Many Requests, Content Too Large, and what stands for a server behind that is away or busy.
  constexpr int kGatewayStatuses[] = {401, 413, 429, 502, 503, 504};
  return std::ranges::find(kGatewayStatuses, http_status) != std::end(kGatewayStatuses);
}

Error not_clickhouse(std::string_view where, std::string_view why, std::string_view body) {
  std::string words;
  for (char letter : trimmed(body).substr(0, kWordsShown)) {
    auto byte = static_cast<unsigned char>(letter);
    words += byte >= 0x20 && byte < 0x7F ? letter : ' ';
  }
  return Error(ErrorCode::TargetUnreachable,
               fmt::format("something answered on ClickHouse's port {} that is not ClickHouse, or not to what it was "
                           "asked: {}{}",
                           where, why, words.empty() ? std::string() : fmt::format("; it begins \"{}\"", words)),
               "see what listens there or stands between (a proxy, a cache, a maintenance page); CLICKHOUSE_HOST and "
               "CLICKHOUSE_PORT must lead to ClickHouse's HTTP interface");
}

Question ask_something() {
  const std::uint64_t left = randomness()() >> 2;
  const std::uint64_t right = randomness()() >> 2;
  return {.sql = fmt::format("SELECT toUInt64({}) + toUInt64({})", left, right),
          .answer = fmt::format("{}\n", left + right)};
}

std::string random_token() { return fmt::format("{:016x}{:016x}", randomness()(), randomness()()); }

}  // namespace echodb
