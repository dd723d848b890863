#include "verify/check_connections.h"

namespace echodb {

CheckConnections::CheckConnections(const Settings& settings, const std::stop_token& stop)
    : source(settings.postgres, ConnectionKind::Ordinary, stop),
      position(settings.postgres, ConnectionKind::Ordinary, stop),
      target(settings.clickhouse, stop) {
  source.execute("SET application_name = 'echodb check'");
  position.execute("SET application_name = 'echodb check'");
  commit_locally(position);
}

std::unique_ptr<CheckConnections> CheckRun::take(const Settings& settings, const std::stop_token& stop) {
  std::unique_ptr<CheckConnections> taken = std::move(connections_);
  try {
    if (taken) {
      taken->source.execute("SELECT");
      taken->position.execute("SELECT");
      return taken;
    }
  } catch (const Error& error) {
    if (error.code() == ErrorCode::Stopped) throw;
  }
  return std::make_unique<CheckConnections>(settings, stop);
}

}  // namespace echodb
