#pragma once

#include <stop_token>

#include "base/finding.h"
#include "config/settings.h"

namespace echodb {

/// Names tables of the target that EchoDB has made and does not write any more, which whoever reads them does not see:
/// those that stay by ECHODB_ON_DROP=keep, and those that the catalog knows nothing of, because it went back in time
/// with its source. Says nothing where an end cannot be reached; other checks do. Throws Error(Stopped) only.
void examine_unwritten_targets(const Settings& settings, Findings& findings, std::stop_token stop);

}  // namespace echodb
