#pragma once

#include <stop_token>
#include <vector>

#include "base/finding.h"
#include "config/settings.h"

namespace echodb {

/// What `echodb doctor --security` finds: who could get at the data, or at EchoDB's rights, and what to configure so
/// that they cannot. docs/security.md explains each. Worst first. A server that cannot be reached is a finding too.
std::vector<Finding> examine_security(const Settings& settings, std::stop_token stop);

}  // namespace echodb
