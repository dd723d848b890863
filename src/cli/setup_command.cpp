#include <fmt/format.h>

#include <cstdio>

#include "cli/commands.h"
#include "control/setup.h"

namespace echodb {

int setup_command(const Settings& settings, const SetupOptions& options) {
  CatalogStore catalog(settings.postgres, "setup", {});
  StreamRecord stream = setup(settings, options, catalog, {});
  fmt::print("ready: slot {}, publication {}, from {}\n", stream.slot, stream.publication,
             to_string(stream.consistent));
  return 0;
}

}  // namespace echodb
