#pragma once

#include <memory>
#include <stop_token>

#include "clickhouse/client.h"
#include "config/settings.h"
#include "postgres/connection.h"
#include "verify/stream_position.h"

namespace echodb {

/// A check's conversations with both servers, one check at a time. Connecting takes longer than comparing a small
/// table, so those of a check that went well serve the next one; any other may leave them in the middle of something.
struct CheckConnections {
  /// Errors: those of PostgresConnection.
  CheckConnections(const Settings& settings, const std::stop_token& stop);

  PostgresConnection source;    ///< reads the table
  PostgresConnection position;  ///< watches the stream meanwhile
  ClickHouseClient target;
};

/// Checks, one after the other, that hand these on. One owner.
class CheckRun {
 public:
  /// Those of the check before, if the source still answers there, or others.
  std::unique_ptr<CheckConnections> take(const Settings& settings, const std::stop_token& stop);
  /// After a check that went well.
  void give_back(std::unique_ptr<CheckConnections> connections) { connections_ = std::move(connections); }
  /// The tables do not wait for the same worker one after the other.
  StreamPosition::Silence silence;

 private:
  std::unique_ptr<CheckConnections> connections_;
};

}  // namespace echodb
