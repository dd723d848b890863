#pragma once

#include <stop_token>
#include <vector>

#include "base/finding.h"
#include "config/settings.h"

namespace echodb {

/// The one list of checks: `echodb doctor` prints what it finds, `setup` (and so `up` and a worker that has still to
/// set up) refuses to go on with a fatal finding and logs the warnings. Worst first.
std::vector<Finding> examine(const Settings& settings, std::stop_token stop);

/// What only setup makes, and so is nothing to ask for before it: for `doctor` alone.
std::vector<Finding> examine_what_setup_made(const Settings& settings, std::stop_token stop);

/// Throws one Error with every fatal finding and its remedy; its code is the first one's. Does nothing without any.
void require_no_fatal(const std::vector<Finding>& findings);

}  // namespace echodb
