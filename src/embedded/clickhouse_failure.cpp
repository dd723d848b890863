#include "embedded/clickhouse_failure.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

namespace echodb {
namespace {

constexpr int kUnknownException = 1002;

int code_of(std::string_view text) {
  constexpr std::string_view kPrefix = "Code: ";
  auto at = text.find(kPrefix);
  int code = kUnknownException;
  if (at != std::string_view::npos) {
    std::from_chars(text.data() + at + kPrefix.size(), text.data() + text.size(), code);
  }
  return code;
}

template <std::size_t kCount>
bool is_one_of(const std::array<int, kCount>& codes, int code) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

}  // namespace

Error chdb_error(std::string_view text) {
  return Error(ErrorCode::TargetRejected, std::string(text)).with_peer_code(code_of(text));
}

Error clickhouse_failure(ClickHouseCode code, std::string_view text) {
  return Error(ErrorCode::TargetRejected,
               fmt::format("Code: {}. DB::Exception: {}. ({})", code.number, text, code.name))
      .with_peer_code(code.number);
}

// The table is exceptionCodeToHTTPStatus.cpp of ClickHouse 25.
unsigned http_status_of(int clickhouse_code) {
  // UNKNOWN_USER, WRONG_PASSWORD, AUTHENTICATION_FAILED, SET_NON_GRANTED_ROLE, ACCESS_DENIED
  constexpr std::array kForbidden{192, 193, 516, 512, 497};
  // BAD_ARGUMENTS, CANNOT_COMPILE_REGEXP, CANNOT_PARSE_*, DUPLICATE_COLUMN, ILLEGAL_COLUMN, AST, SYNTAX_ERROR, types
  constexpr std::array kBadRequest{36, 427, 6, 25, 26,  38,  41,  72,  441, 675, 676, 27, 376,
                                   15, 44,  8, 37, 123, 167, 168, 223, 62,  117, 53,  321};
  // UNKNOWN_TABLE, _FUNCTION, _IDENTIFIER, _TYPE, _STORAGE, _DATABASE, _SETTING, _DIRECTION_OF_SORTING,
  // _AGGREGATE_FUNCTION, _FORMAT, _DATABASE_ENGINE, _TYPE_OF_QUERY, _ROLE
  constexpr std::array kNotFound{60, 46, 47, 50, 56, 81, 115, 152, 63, 73, 336, 78, 511};
  // SOCKET_TIMEOUT, CANNOT_OPEN_FILE, CANNOT_SCHEDULE_TASK
  constexpr std::array kUnavailable{209, 76, 439};
  if (clickhouse_code == 194) return 401;  // REQUIRED_PASSWORD
  if (is_one_of(kForbidden, clickhouse_code)) return 403;
  if (is_one_of(kBadRequest, clickhouse_code)) return 400;
  if (is_one_of(kNotFound, clickhouse_code)) return 404;
  if (clickhouse_code == 229) return 413;  // QUERY_IS_TOO_LARGE
  if (clickhouse_code == 48) return 501;   // NOT_IMPLEMENTED
  if (is_one_of(kUnavailable, clickhouse_code)) return 503;
  if (clickhouse_code == 381) return 411;  // HTTP_LENGTH_REQUIRED
  if (clickhouse_code == 159) return 408;  // TIMEOUT_EXCEEDED
  return 500;
}

}  // namespace echodb
