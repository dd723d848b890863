#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "config/settings.h"

namespace echodb {

struct TeardownOptions {
  bool drops_targets = false;  ///< the mirrors in ClickHouse, too; otherwise they stay, and nobody writes into them
  bool leaves_target = false;  ///< nothing is done in ClickHouse, which is away, or is not to be touched
  bool only_says = false;      ///< nothing is done
};

struct TeardownReport {
  std::vector<std::string> done;  ///< in order; with only_says: what there is to do
  std::vector<std::string> kept;  ///< what stays, and why
  std::vector<std::string> left;  ///< what could not be taken out, and why
};

/// Takes EchoDB out of a source and its target: whatever setup, the triggers and the workers have made there, and what
/// they changed on the application's tables. The schema `_echodb`, which knows what there is, goes last; what was cut
/// short, or could not be done, is done by another run. A step that fails keeps no other one from being done.
///
/// Throws before anything is done: Error(LeadershipLost) while a worker is at work on the stream,
/// Error(SourcePrivilege) where `_echodb` is not this role's (own_schema.h); and, unless the target is to be left,
/// Error(TargetTaken) when it is another source's, Error(InvalidConfiguration) when it is not where the tables are
/// mirrored to, and what ClickHouse says when it cannot be asked.
TeardownReport teardown(const Settings& settings, const TeardownOptions& options, std::stop_token stop);

}  // namespace echodb
