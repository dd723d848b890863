#include "control/slot_release.h"

#include <fmt/format.h>

#include "base/failpoint.h"
#include "base/log.h"
#include "control/setup.h"

namespace echodb {

void release_slot(const Settings& settings, SourceWatch& watch, CatalogStore& catalog, const std::string& why,
                  std::stop_token stop) {
  const StreamNames names = stream_names(settings);
  const std::optional<StreamRecord> stream = catalog.find_stream(names.stream);
  const std::string& slot = stream ? stream->slot : names.slot;
  std::string reason = fmt::format("the slot {} was given up: {}", slot, why);
  log::error("{}; every table will be copied again", reason);
  catalog.request_remake(names.stream, reason);
  failpoint("release.recorded");
  PostgresConnection source(settings.postgres, ConnectionKind::Ordinary, std::move(stop));
  source.query("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1", {slot});
  watch.released(why);
}

}  // namespace echodb
