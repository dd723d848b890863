#include <fmt/format.h>

#include <cstdio>

#include "base/error.h"
#include "cli/commands.h"
#include "control/setup.h"

namespace echodb {

int setup_command(const Settings& settings, const SetupCommandOptions& options) {
  CatalogStore catalog(settings.postgres, "setup", {});
  try {
    StreamRecord stream = setup(settings, {.accept_new_source = options.accept_new_source}, catalog, {});
    fmt::print("ready: slot {}, publication {}, from {}\n", stream.slot, stream.publication,
               to_string(stream.consistent));
    return 0;
  } catch (const Error& error) {
    const bool may_be_meant = error.code() == ErrorCode::SourceReplaced || error.code() == ErrorCode::TargetTaken;
    if (!may_be_meant || !options.within_up) throw;
    // The servers end with `up`, so `setup` by itself would not find them.
    throw Error(error.code(), error.message(),
                "if this is the right source: `echodb up --accept-new-source` copies all of its tables again, and "
                "readers keep what they have until that is done");
  }
}

}  // namespace echodb
