#pragma once

#include <chrono>
#include <cstddef>

/// Every cap that is not a setting, named once.
namespace echodb::limits {

using namespace std::chrono_literals;

/// To one host, authentication included.
inline constexpr auto kConnectTimeout = 5s;
/// A peer that acknowledges nothing of what was sent for so long is gone, whatever it may have been doing.
inline constexpr auto kSocketTimeout = 15s;
/// No statement of ours on the source runs longer, but for COPY, which is bounded by its range.
inline constexpr auto kStatementTimeout = 60s;
/// A server that is silent for so long in the middle of a statement will not answer any more.
inline constexpr auto kAnswerTimeout = 75s;
/// How long our own DDL on the source waits for a lock before it lets the application pass.
inline constexpr auto kLockTimeout = 2s;
/// A status update goes to the walsender at least this often.
inline constexpr auto kStatusInterval = 5s;
/// SIGTERM to exit, for every role.
inline constexpr auto kGracePeriod = 10s;
/// One insert, from the first byte to ClickHouse's answer.
inline constexpr auto kInsertTimeout = 300s;
inline constexpr auto kQueryTimeout = 60s;
/// One copy range is about this many bytes of heap.
inline constexpr std::size_t kCopyRangeBytes = 64ULL << 20;
inline constexpr std::size_t kPostgresPageBytes = 8192;

}  // namespace echodb::limits
