#pragma once

#include <optional>
#include <string>

#include "base/finding.h"
#include "config/settings.h"
#include "postgres/connection.h"

namespace echodb {

/// Looks at everything that replication needs from the source: server, role, schemas, tables. Only reads. Throws what
/// the connection throws; everything else is a finding.
void examine_source(PostgresConnection& source, const Settings& settings, Findings& findings);

/// The part of it that may change from hour to hour: old transactions, slots that nobody reads, clocks, limits that are
/// near. `own_slot` is the stream's, which is looked at elsewhere.
void examine_source_load(PostgresConnection& source, const Settings& settings, const std::string& own_slot,
                         Findings& findings);

}  // namespace echodb
