#pragma once

#include <stop_token>

#include "base/finding.h"
#include "config/settings.h"

namespace echodb {

/// Looks at everything that replication needs from the target: version, rights, settings, disks, clock. Rights are
/// tried out on a table of ours that is dropped again. Nothing is thrown but Error(Stopped): a target that cannot be
/// reached is a finding.
void examine_target(const ClickHouseSettings& settings, Findings& findings, std::stop_token stop);

}  // namespace echodb
