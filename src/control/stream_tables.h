#pragma once

#include <vector>

#include "catalog/records.h"
#include "clickhouse/target_client.h"
#include "config/settings.h"

namespace echodb {

/// What becomes of the target's tables when a stream is made again: control/new_stream.

struct TargetNaming {
  /// The target may have tables that the catalog knows nothing of, or that are not what it knows: readers must not see
  /// them half full.
  bool target_unknown = false;
  OnDrop on_drop = OnDrop::Drop;
};
/// The new stream's tables keep the names that the targets had in the earlier stream, and their columns' types; others
/// get a name that is free.
void name_targets(std::vector<TableRecord>& tables, const std::vector<TableRecord>& before, const TargetNaming& naming);

/// Drops what the source lost while nobody looked: targets whose table is gone, and shadow tables of copies that were
/// under way. Safe to repeat.
void drop_leftovers(TargetClient& clickhouse, const ServerVersion& server, const Settings& settings,
                    const std::vector<TableRecord>& tables, const std::vector<TableRecord>& before);

/// The tables of the target that have EchoDB's columns, by name.
std::vector<std::string> list_mirrors(TargetClient& clickhouse, const std::string& database);
/// Those that are none of these tables' or of their copies; without those that stay by ECHODB_ON_DROP=keep, as far as
/// the server can tell.
std::vector<std::string> find_strangers(TargetClient& clickhouse, const ServerVersion& server,
                                        const std::string& database, const std::vector<TableRecord>& tables);

}  // namespace echodb
