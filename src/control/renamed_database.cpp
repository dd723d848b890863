#include "control/renamed_database.h"

#include <algorithm>

#include "base/log.h"
#include "control/ends.h"
#include "control/setup.h"
#include "control/slot_state.h"

namespace echodb {
namespace {

void drop_orphan(PostgresConnection& source, const OrphanSlot& slot) {
  if (slot.active) {
    log::warn("the slot {} of this database is read by somebody, and by no stream of EchoDB's", slot.name);
    return;
  }
  log::warn("the slot {} is dropped: it belonged to the stream that this database had under an earlier name",
            slot.name);
  source.query("SELECT pg_drop_replication_slot($1)", {slot.name});
}

}  // namespace

void follow_database_name(const Settings& settings, CatalogStore& catalog, std::stop_token stop) {
  const std::string name = stream_names(settings).stream;
  const std::optional<StreamRecord> stream = find_own_stream(settings, catalog, std::move(stop));
  if (!stream || stream->name == name) return;
  log::warn("the database {} was called {} before: its stream goes on under the new name, with the slot {}", name,
            stream->name, stream->slot);
  catalog.rename_stream(stream->name, name);
}

void drop_orphans(PostgresConnection& source, CatalogStore& catalog, const StreamRecord& stream,
                  const std::string& earlier_name) {
  std::vector<std::string> ours;
  if (!earlier_name.empty()) ours.push_back(slot_name(earlier_name));
  for (const StreamRecord& other : catalog.streams()) {
    if (other.name == stream.name) continue;
    ours.push_back(other.slot);
    log::warn("the stream {} is forgotten: this database has had it under an earlier name", other.name);
    catalog.forget_stream(other.name);
  }
  for (const OrphanSlot& slot : find_orphan_slots(source)) {
    if (std::ranges::find(ours, slot.name) != ours.end()) drop_orphan(source, slot);
  }
}

}  // namespace echodb
