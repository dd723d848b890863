#include "base/log.h"
#include "cli/commands.h"
#include "embedded/stop_signals.h"
#include "server/checker_endpoints.h"

namespace echodb {

int checker_command(const Settings& settings) {
  constexpr std::chrono::seconds kLookInterval{1};
  StopSignals signals;
  std::stop_source stop;
  Checker checker(settings, stop.get_token());
  CheckSchedule schedule(settings, checker);
  CheckerEndpoints endpoints(settings, checker, schedule);
  log::info("the checker answers at {}:{}", settings.checker_host, endpoints.port());
  while (!signals.requested()) signals.wait_for(kLookInterval);
  // What is being checked ends at once; its caller is told so.
  stop.request_stop();
  log::info("stopped");
  return 0;
}

}  // namespace echodb
