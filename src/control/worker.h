#pragma once

#include <stop_token>

#include "config/settings.h"
#include "replication/status_board.h"

namespace echodb {

/// Replicates until it is asked to stop: sets up what is missing, runs the stream, and when a run ends with an error
/// tries again, ever more slowly. Faults that only a person can remedy before anything has ever run are thrown.
void run_worker(const Settings& settings, StatusBoard& board, std::stop_token stop);

}  // namespace echodb
