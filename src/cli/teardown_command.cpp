#include <fmt/format.h>

#include <cstdio>

#include "cli/commands.h"
#include "control/teardown.h"

namespace echodb {

int teardown_command(const Settings& settings, const TeardownCommandOptions& options) {
  const TeardownReport report = teardown(
      settings,
      {.drops_targets = options.drops_targets, .leaves_target = options.leaves_target, .only_says = !options.yes}, {});
  if (report.done.empty() && report.left.empty()) {
    fmt::print("there is nothing of EchoDB's in database {} (POSTGRES_DB)\n", settings.postgres.database);
    return 0;
  }
  for (const std::string& line : report.done) fmt::print("{}{}\n", options.yes ? "gone  " : "      ", line);
  for (const std::string& line : report.kept) fmt::print("stays {}\n", line);
  for (const std::string& line : report.left) fmt::print("left  {}\n", line);
  if (!options.yes) fmt::print("nothing was changed: stop the workers, and --yes takes this out\n");
  return report.left.empty() ? 0 : 1;
}

}  // namespace echodb
