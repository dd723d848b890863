#include "control/unwritten_targets.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include "catalog/store.h"
#include "clickhouse/client.h"
#include "control/setup.h"
#include "control/stream_tables.h"
#include "replication/target_steps.h"

namespace echodb {
namespace {

std::string how_many(const std::vector<std::string>& mirrors) {
  return mirrors.size() == 1 ? "a mirror" : fmt::format("{} mirrors", mirrors.size());
}

void examine_kept(TargetClient& clickhouse, const ServerVersion& server, const std::string& database,
                  Findings& findings) {
  const std::vector<std::string> kept = kept_targets(clickhouse, database, server);
  if (kept.empty()) return;
  findings.warning(
      fmt::format("ClickHouse has {} whose table was dropped in the source: {}", how_many(kept), fmt::join(kept, ", ")),
      "nothing, as long as somebody needs them (ECHODB_ON_DROP=keep); DROP TABLE in ClickHouse ends them");
}

/// A table is in the catalog before it is in the target, and gets another name there first, too: so what was there
/// before the catalog was read, and is there still, is known to it or a stranger.
void examine_strangers(TargetClient& clickhouse, const ServerVersion& server, const Settings& settings,
                       Findings& findings, std::stop_token stop) {
  const std::string& database = settings.clickhouse.database;
  const std::vector<std::string> before = list_mirrors(clickhouse, database);
  CatalogStore catalog(settings.postgres, "doctor", std::move(stop));
  const std::string stream = stream_names(settings).stream;
  if (!catalog.find_stream(stream)) return;
  const std::vector<std::string> now = find_strangers(clickhouse, server, database, catalog.load_tables(stream));
  std::vector<std::string> strangers;
  std::ranges::set_intersection(before, now, std::back_inserter(strangers));
  if (strangers.empty()) return;
  findings.warning(fmt::format("ClickHouse has {} of a table that this source does not have: {}", how_many(strangers),
                               fmt::join(strangers, ", ")),
                   "EchoDB does not write them; drop those that nobody needs, in ClickHouse");
}

}  // namespace

void examine_unwritten_targets(const Settings& settings, Findings& findings, std::stop_token stop) {
  try {
    ClickHouseClient clickhouse(settings.clickhouse.without_database(), stop);
    const ServerVersion server = clickhouse.server_version();
    // An old server has no place for the comment that tells them apart.
    if (!has_exchange(server)) return;
    examine_kept(clickhouse, server, settings.clickhouse.database, findings);
    examine_strangers(clickhouse, server, settings, findings, std::move(stop));
  } catch (const Error& error) {
    if (error.code() == ErrorCode::Stopped) throw;
  }
}

}  // namespace echodb
