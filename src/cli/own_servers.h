#pragma once

#include <vector>

#include "base/finding.h"
#include "config/settings.h"

namespace echodb {

/// Fills in how to reach the servers that an `up` starts with this data directory, for the commands that a person runs
/// beside it. A host that is not configured is loopback; where data is there, the stored passwords and ClickHouse's
/// socket are taken. What is configured stays. Throws Error(InvalidConfiguration) when the passwords cannot be read.
void reach_own_servers(Settings& settings);

/// What is wrong with the passwords of those servers, for people to read.
std::vector<Finding> examine_own_passwords(const Settings& settings);

}  // namespace echodb
