// The simulation's half that stands in for control/setup and control/new_stream: whether the target is the one it was,
// and a new slot if it is not.

#include <algorithm>

#include "base/log.h"
#include "control/ends.h"
#include "control/stream_tables.h"
#include "sim/simulation.h"

namespace echodb::sim {

/// As setup leaves it: the tables that there are, to be copied.
void Simulation::install() {
  workload_.prepare();
  const Lsn here = source_.end_of_log();
  source_.confirmed = slot_on_disk_ = here;
  checked_ahead_ = source_.log().size();
  catalog_.save_applied(kStream, here);
  for (const auto& [oid, table] : source_.tables()) {
    TableRecord record{.oid = oid, .target_name = table.schema->name, .state = TableState::Pending, .floor = here};
    TableVersion version{.lsn = here, .schema = *table.schema, .snapshot = {}};
    catalog_.save_table(kStream, record, &version);
  }
}

Bookmark Simulation::begin(TargetClient& client) {
  const std::optional<Bookmark> found = read_bookmark(client, kDatabase, kStream);
  const std::string loss = target_loss(catalog_.stream(), found, kDatabase);
  if (!loss.empty()) {
    log::debug("-- {}", loss);
    note_false_alarm(loss);
    catalog_.request_remake(loss);
  }
  if (!catalog_.stream().remake.empty()) make_stream_again(client);
  const StreamRecord& stream = catalog_.stream();
  Bookmark claimed = claim_target(client, kDatabase,
                                  {.stream = kStream,
                                   .database = kStream,
                                   .system_identifier = kStream,
                                   .applied = stream.applied,
                                   .number = stream.target_number,
                                   .target_id = stream.target_id});
  catalog_.save_target(kStream, claimed.target_id, claimed.number);
  return claimed;
}

void Simulation::note_false_alarm(const std::string& words) {
  if (!target_harmed_ && !finding_) finding_ = Finding{"no false alarm", words};
}

/// Safe to be cut short anywhere: until the last step the stream is to be made again.
void Simulation::make_stream_again(TargetClient& client) {
  // A slot that is made waits for whoever is in progress.
  source_.settle();
  const Lsn here = source_.end_of_log();
  std::vector<TableRecord> tables;
  for (const auto& [oid, table] : source_.tables()) {
    tables.push_back({.oid = oid, .versions = {{.lsn = here, .schema = *table.schema, .snapshot = {}}}});
  }
  const std::vector<TableRecord> before = catalog_.load_tables(kStream);
  name_targets(tables, before, {.target_unknown = true});
  drop_leftovers(client, kServer, settings_, tables, before);
  const Bookmark claimed = claim_target(client, kDatabase,
                                        {.stream = kStream,
                                         .database = kStream,
                                         .system_identifier = kStream,
                                         .applied = here,
                                         .number = catalog_.stream().target_number});
  for (const auto& [name, table] : target_.tables()) {
    const bool known = std::ranges::find(tables, name, &TableRecord::target_name) != tables.end();
    if (!known) target_.leave_to_a_person(name);
  }
  catalog_.create_stream(
      {.name = kStream, .applied = here, .target_id = claimed.target_id, .target_number = claimed.number}, tables);
  target_harmed_ = false;
  source_.confirmed = slot_on_disk_ = here;
  all_left_to_copies_ = here;
}

}  // namespace echodb::sim
