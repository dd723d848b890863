#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace echodb {

/// Something that is wrong, and what to do about it: neither is empty.
struct ReplicationProblem {
  std::string what;
  std::string remedy;

  bool operator==(const ReplicationProblem&) const = default;
};

/// The part of the worker's /metrics that a person watches.
struct ReplicationProgress {
  std::string state;                         ///< starting, follower, copying, streaming or error
  std::vector<ReplicationProblem> problems;  ///< what keeps the stream from running, then the tables in error
  std::uint64_t lag_bytes = 0;
  std::uint64_t lag_ms = 0;
  std::uint64_t rows_copied = 0;
  std::uint64_t rows_to_copy = 0;  ///< an estimate of the source's planner
  bool rows_to_copy_known = false;
  std::uint64_t rows_applied = 0;
  std::uint64_t tables_total = 0;
  std::uint64_t tables_streaming = 0;

  bool operator==(const ReplicationProgress&) const = default;
};

/// Throws Error(ProtocolViolation) when the text is no such JSON.
ReplicationProgress parse_progress(const std::string& json);

/// Asks the worker; nothing when it does not answer.
std::optional<ReplicationProgress> fetch_progress(const std::string& worker_url);

}  // namespace echodb
