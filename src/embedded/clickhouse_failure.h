#pragma once

#include <string_view>

#include "base/error.h"

namespace echodb {

/// A failure in ClickHouse's own words: "Code: 60. DB::Exception: … (UNKNOWN_TABLE)", the code as peer_code().
Error chdb_error(std::string_view text);

/// A failure this server finds itself; code and name are those of ClickHouse's ErrorCodes.cpp.
struct ClickHouseCode {
  int number;
  std::string_view name;
};
Error clickhouse_failure(ClickHouseCode code, std::string_view text);

namespace clickhouse_codes {
inline constexpr ClickHouseCode kNotImplemented{48, "NOT_IMPLEMENTED"};
inline constexpr ClickHouseCode kSyntaxError{62, "SYNTAX_ERROR"};
inline constexpr ClickHouseCode kReadonly{164, "READONLY"};
inline constexpr ClickHouseCode kTooManySimultaneousQueries{202, "TOO_MANY_SIMULTANEOUS_QUERIES"};
inline constexpr ClickHouseCode kSameQueryIdRunning{216, "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING"};
inline constexpr ClickHouseCode kQueryIsTooLarge{229, "QUERY_IS_TOO_LARGE"};
inline constexpr ClickHouseCode kInvalidSessionTimeout{374, "INVALID_SESSION_TIMEOUT"};
inline constexpr ClickHouseCode kSessionNotFound{372, "SESSION_NOT_FOUND"};
inline constexpr ClickHouseCode kSessionIsLocked{373, "SESSION_IS_LOCKED"};
inline constexpr ClickHouseCode kZlibInflateFailed{354, "ZLIB_INFLATE_FAILED"};
inline constexpr ClickHouseCode kZstdDecoderFailed{561, "ZSTD_DECODER_FAILED"};
inline constexpr ClickHouseCode kLz4DecoderFailed{618, "LZ4_DECODER_FAILED"};
inline constexpr ClickHouseCode kAuthenticationFailed{516, "AUTHENTICATION_FAILED"};
inline constexpr ClickHouseCode kBadArguments{36, "BAD_ARGUMENTS"};
}  // namespace clickhouse_codes

/// The HTTP status ClickHouse gives an exception code.
unsigned http_status_of(int clickhouse_code);

}  // namespace echodb
