#pragma once

#include "base/finding.h"
#include "config/settings.h"
#include "postgres/connection.h"

namespace echodb {

/// What other roles of the source can do that concerns EchoDB, and how its password and rows travel. docs/security.md
/// says what each finding means.
void examine_source_security(PostgresConnection& source, const Settings& settings, Findings& findings);

}  // namespace echodb
