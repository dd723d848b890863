#pragma once

#include <stop_token>

#include "config/settings.h"
#include "replication/status_board.h"

namespace echodb {

/// Replicates until it is asked to stop, whenever it is this worker's turn to lead: sets up what is missing, runs the
/// stream, and when a run ends with an error tries again, ever more slowly. Faults that trying again cannot help are
/// thrown.
void run_worker(const Settings& settings, StatusBoard& board, std::stop_token stop);

}  // namespace echodb
