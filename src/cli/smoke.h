#pragma once

#include "config/settings.h"
#include "embedded/stop_signals.h"

namespace echodb {

/// The quick start of the documentation, tried for real on a fresh temporary data directory and free ports: start,
/// health, databases, the sample tables, a table made while all runs, a restart. Prints each step. Returns 0 when
/// every step held, 1 with the tails of the logs when one did not. Leaves nothing behind either way.
///
/// Of the settings only the path of libchdb.so is used: what is tried is the documented defaults.
int smoke_command(const Settings& settings, const StopSignals& stop);

}  // namespace echodb
