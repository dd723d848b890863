#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>

#include "postgres/connection.h"

namespace echodb {

/// Waits until the target has what the source's log held at a position: the slot is confirmed up to where ClickHouse
/// has acknowledged every change, and no further. One thread.
class StreamPosition {
 public:
  /// Since when nobody reads the slot, as far as the checks of a run have seen it.
  using Silence = std::optional<std::chrono::steady_clock::time_point>;

  StreamPosition(PostgresConnection& source, std::string slot, std::chrono::milliseconds lag_max, Silence& silence,
                 std::stop_token stop);

  /// Throws Error(SourceBusy) when the stream stays behind for longer than the lag that is allowed, or nobody reads it.
  void await_applied(Lsn position);
  [[nodiscard]] Lsn applied() const { return applied_; }

  /// Where the log ends; what is in the target has a version below it.
  Lsn log_end();
  /// Whether a transaction waits for a standby, between its commit in the log and the moment when others see it.
  bool commits_wait_for_standbys();

 private:
  /// Has the log written out up to its end, so that the stream gets there.
  void flush();

  PostgresConnection& source_;
  std::string slot_;
  std::chrono::milliseconds lag_max_;
  Silence& silence_;
  std::stop_token stop_;
  Lsn applied_;
};

}  // namespace echodb
