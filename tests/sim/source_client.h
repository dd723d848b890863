#pragma once

#include <memory>

#include "replication/writer_tools.h"
#include "sim/faults.h"
#include "sim/source.h"

namespace echodb::sim {

/// The simulated source as a writer asks it, through replication/writer_tools.h.
std::unique_ptr<SourceClient> make_sim_source_client(Source& source, Faults& faults);

}  // namespace echodb::sim
