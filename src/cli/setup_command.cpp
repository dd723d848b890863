#include <fmt/format.h>

#include <cstdio>

#include "base/error.h"
#include "cli/commands.h"
#include "control/setup.h"

namespace echodb {
namespace {

/// The servers end with `up`, so `setup` by itself would not find them: what is to be done is done by `up`.
Error within_up(const Error& error) {
  constexpr std::string_view kCopyAgain =
      "`echodb up --accept-new-source` copies all of its tables again, and readers keep what they have until that is "
      "done";
  if (error.code() == ErrorCode::SourceReplaced) {
    return {error.code(), error.message(), fmt::format("if this is the right source: {}", kCopyAgain)};
  }
  if (error.code() == ErrorCode::TargetTaken) {
    return {error.code(), error.message(),
            fmt::format("set CLICKHOUSE_DATABASE to a database of this source's own; or, if this source is to have it "
                        "from now on: {}",
                        kCopyAgain)};
  }
  return error;
}

}  // namespace

int setup_command(const Settings& settings, const SetupCommandOptions& options) {
  CatalogStore catalog(settings.postgres, "setup", {});
  try {
    StreamRecord stream = setup(settings, {.accept_new_source = options.accept_new_source}, catalog, {});
    fmt::print("ready: slot {}, publication {}, from {}\n", stream.slot, stream.publication,
               to_string(stream.consistent));
    return 0;
  } catch (const Error& error) {
    if (options.within_up) throw within_up(error);
    throw;
  }
}

}  // namespace echodb
