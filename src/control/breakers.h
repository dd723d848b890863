#pragma once

#include <memory>
#include <vector>

#include "control/circuit_breaker.h"

namespace echodb {

/// A worker's circuit breakers. `postgres_connection` and `clickhouse` count attempts to reach a server, and hold back
/// every connection to it; `peerdb_api` stands for the engine: runs of the stream that ended by a fault of their own,
/// and the next run.
struct Breakers {
  explicit Breakers(const Settings& settings);

  /// The same settings, with the gates in them.
  [[nodiscard]] Settings guarding(const Settings& settings) const;
  [[nodiscard]] std::vector<BreakerStatus> status() const;

  std::shared_ptr<CircuitBreaker> engine;
  std::shared_ptr<CircuitBreaker> postgres;
  std::shared_ptr<CircuitBreaker> clickhouse;
};

}  // namespace echodb
