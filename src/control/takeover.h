#pragma once

#include <stop_token>
#include <string>

#include "catalog/records.h"
#include "config/settings.h"

namespace echodb {

/// The settings of a leader's run: nothing is written to ClickHouse without the lease, and what is can be told from
/// the statements of other epochs and runs by its query id.
Settings leader_settings(const Settings& settings, const StreamRecord& stream, const Epoch& epoch,
                         std::shared_ptr<const WritePermit> lease);

/// Ends the statements of earlier epochs and runs that ClickHouse still works on: those of a leader that did not stop
/// by itself, and of a run that an error ended.
void end_older_statements(const Settings& of_leader, const StreamRecord& stream, std::stop_token stop);

/// Ends the walsender that reads the slot, if there is one: an earlier leader's, or this worker's from an earlier run,
/// which PostgreSQL has not given up yet.
void take_slot(const Settings& settings, const StreamRecord& stream, std::stop_token stop);

}  // namespace echodb
