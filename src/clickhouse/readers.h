#pragma once

#include <string>

#include "base/finding.h"
#include "clickhouse/target_client.h"
#include "config/settings.h"

namespace echodb {

// A query that neither says FINAL nor runs with `final = 1` counts rows that were updated more than once, and deleted
// ones too. ECHODB_READERS names users and roles of ClickHouse that get `final = 1` from a settings profile of ours.
// ClickHouse applies a profile to users that are defined in its users.xml as well, and keeps nothing of the tables in
// it, so nothing goes stale when tables come and go, as views would. A user's own profile comes before it.

/// `echodb_readers_` and the target database.
std::string readers_profile(const ClickHouseSettings& settings);

/// Makes the profile for ECHODB_READERS, in place of an earlier one; does nothing where it is unset or `none`, or where
/// a server that keeps no profiles has `final = 1` for us: the embedded one has it for everybody. Safe to repeat.
/// Throws Error(TargetRejected), with what to do instead, where the server does not take it.
void make_readers_profile(TargetClient& clickhouse, const ServerVersion& version, const ClickHouseSettings& settings);

/// Whether plain queries see each row once, as far as our own user can tell; nothing where ECHODB_READERS names some.
void examine_readers(TargetClient& clickhouse, const ServerVersion& version, const ClickHouseSettings& settings,
                     Findings& findings);

/// Whether the profile is there for all of ECHODB_READERS, or not needed; nothing where that names nobody.
void examine_readers_profile(TargetClient& clickhouse, const ServerVersion& version, const ClickHouseSettings& settings,
                             Findings& findings);

}  // namespace echodb
