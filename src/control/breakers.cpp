#include "control/breakers.h"

#include <algorithm>

namespace echodb {

Breakers::Breakers(const Settings& settings) {
  // A server that is back is noticed within the shorter of the two delays.
  auto pause_max = std::min(settings.retry_delay, settings.reconnect_delay);
  auto make = [&](const char* name, const BreakerSettings& of_breaker, ErrorCode refusal) {
    return std::make_shared<CircuitBreaker>(CircuitBreaker::Options{.name = name,
                                                                    .settings = of_breaker,
                                                                    .pause_max = pause_max,
                                                                    .backoff = settings.retry_backoff,
                                                                    .refusal = refusal});
  };
  engine = make("peerdb_api", settings.engine_breaker, ErrorCode::SystemFailure);
  postgres = make("postgres_connection", settings.postgres_breaker, ErrorCode::SourceUnreachable);
  clickhouse = make("clickhouse", settings.engine_breaker, ErrorCode::TargetUnreachable);
}

Settings Breakers::guarding(const Settings& settings) const {
  Settings guarded = settings;
  guarded.postgres.gate = postgres;
  guarded.clickhouse.gate = clickhouse;
  return guarded;
}

std::vector<BreakerStatus> Breakers::status() const {
  return {engine->status(), postgres->status(), clickhouse->status()};
}

}  // namespace echodb
