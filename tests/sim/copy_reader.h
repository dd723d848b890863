#pragma once

#include <memory>

#include "replication/copy_reader.h"
#include "sim/faults.h"
#include "sim/source.h"
#include "sim/target.h"

namespace echodb::sim {

/// Copies from the simulated source into the simulated target, as replication/copy_reader.h asks.
std::unique_ptr<CopyReader> make_sim_copy_reader(Source& source, Target& target, Faults& faults, Random& random,
                                                 const CopyReaderParts& parts);

}  // namespace echodb::sim
