#pragma once

#include <stop_token>
#include <string>

#include "catalog/store.h"
#include "config/settings.h"

namespace echodb {

/// Names that EchoDB gives its objects in the source. A slot belongs to the whole cluster, so its name holds the
/// database's; publication and stream belong to the database.
struct StreamNames {
  std::string stream;
  std::string publication;
  std::string slot;
};
StreamNames stream_names(const Settings& settings);
/// The slot's, for a database of that name.
std::string slot_name(const std::string& database);

/// Prepares both databases: checks them, installs catalog and event triggers, publishes the watched tables, creates
/// the slot and writes down every table as it is at the slot's first position. Safe to run again, and by several at
/// once: what is there stays, tables that are newly watched are published and announced in the stream.
///
/// Throws with everything that is missing, and nothing is left half-made: the slot, the one thing that costs the
/// source something, comes last. A slot that is gone or of no use is made again, and so is one whose target may lack
/// what it had acknowledged: see begin_stream(). A target that is somebody else's is Error(TargetTaken), a source that
/// is not the one that ClickHouse holds Error(SourceReplaced), unless someone said that the two belong together.
///
/// Beside a worker that streams, a stream that has to be made again is left to that worker, and waited for: see
/// control/slot_reader.
struct SetupOptions {
  bool accept_new_source = false;
  bool leads = false;  ///< for a worker that leads: there is nobody else to leave it to
};
StreamRecord setup(const Settings& settings, const SetupOptions& options, CatalogStore& catalog, std::stop_token stop);

/// What `setup` made, when all of it is still there and of use: the stream's record and its slot. The target has a new
/// bookmark then, and the catalog knows. Error(TargetTaken) and Error(SourceReplaced) as above.
std::optional<StreamRecord> find_setup(const Settings& settings, CatalogStore& catalog, std::stop_token stop);

}  // namespace echodb
