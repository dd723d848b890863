#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace echodb {

/// The part of the worker's /metrics that a person watches.
struct ReplicationProgress {
  std::string state;  ///< starting, copying, streaming or error
  std::string last_error;
  std::uint64_t lag_bytes = 0;
  std::uint64_t lag_ms = 0;
  std::uint64_t rows_copied = 0;
  std::uint64_t rows_to_copy = 0;  ///< an estimate of the source's planner
  std::uint64_t rows_applied = 0;
  std::uint64_t tables_total = 0;
  std::uint64_t tables_streaming = 0;
  std::uint64_t tables_error = 0;

  bool operator==(const ReplicationProgress&) const = default;
};

/// Throws Error(ProtocolViolation) when the text is no such JSON.
ReplicationProgress parse_progress(const std::string& json);

/// Asks the worker; nothing when it does not answer.
std::optional<ReplicationProgress> fetch_progress(const std::string& worker_url);

}  // namespace echodb
