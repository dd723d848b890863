#pragma once

#include "config/settings.h"

namespace echodb {

struct UpOptions {
  bool smoke = false;  ///< try the quick start on a fresh data directory instead
  std::uint16_t workers = 1;
  bool accept_new_source = false;  ///< for the `setup` that comes first
  Variables flags;                 ///< settings given on the command line; the children get them as their environment
};

/// Starts everything on this machine, shows how it goes, and stops it all at Ctrl-C or SIGTERM: exit code 0.
/// What keeps it from starting is thrown as an Error, after everything it had started is gone again.
int up_command(const Settings& settings, const UpOptions& options);

}  // namespace echodb
