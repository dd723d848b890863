#pragma once

#include <optional>
#include <stop_token>

#include "catalog/store.h"
#include "config/settings.h"
#include "control/setup.h"
#include "postgres/connection.h"

namespace echodb {

/// What a stream begins with.
struct StreamStart {
  StreamNames names;
  std::optional<StreamRecord> previous;  ///< the stream that it takes the place of
  std::string reason = {};               ///< why it does; empty: there was none
  /// The target may have tables that the catalog knows nothing of, or that are not what it knows: readers must not see
  /// them half full.
  bool target_unknown = false;
};

/// Makes the slot and writes the stream and all its tables down as they are at the slot's first position, in place of
/// what was known before. Tables that readers have already are filled behind their backs: a copy of everything goes
/// into shadow tables, each exchanged with its target once it is complete. So rows that were deleted meanwhile are
/// gone, and versions are those of the source's log as it is now.
///
/// It may be cut short anywhere: until the last step the catalog either has no stream or says that it has to be made
/// again, so the next attempt starts from the beginning. REQUIRES: there is no slot of that name.
StreamRecord begin_stream(PostgresConnection& source, const Settings& settings, const StreamStart& start,
                          CatalogStore& catalog, std::stop_token stop);

}  // namespace echodb
