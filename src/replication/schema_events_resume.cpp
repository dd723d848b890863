// The part of SchemaEvents for the start of a run: every table is brought to where an earlier one left it.

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "replication/schema_events.h"
#include "replication/target_steps.h"

namespace echodb {
namespace {

constexpr const char* kGone = "its target is gone from ClickHouse";

}  // namespace

void SchemaEvents::resume(Lsn source_position, const TargetFindings& target, TargetClient& clickhouse) {
  target_inventory_ = TargetInventory(parts_.catalog.load_target_notes(parts_.stream), source_position);
  // All that is asked is asked before a lane has a step, which would change the answers.
  std::map<Oid, Resumption> found;
  parts_.registry.for_each([&](MirroredTable& table) {
    found[table.record.oid] = find_left(table, target, clickhouse);
    found[table.record.oid].source_position = source_position;
  });
  finish_renames();
  parts_.registry.for_each([&](MirroredTable& table) {
    const Resumption& left = found.at(table.record.oid);
    const TableVersion newest = table.versions.back().version;
    follow(table, newest, [&] {
      finish_steps(table);
      // A copy that a step has begun replaces what is broken as well.
      if (table.copy_job == 0) replace_if_broken(table, left.holder, target.broken);
      auto holder = target.tables.find(left.holder.name);
      const bool missing = table.record.state == TableState::Streaming && holder == target.tables.end();
      if (table.copy_job == 0 && missing) replace(table, kGone);
      if (holder != target.tables.end()) target_inventory_.begin(table.record.oid, holder->second);
      resume_table(table, left);
    });
    if (left.completed) put_on_record(table);
    if (table.followed()) warn_of_kept_types(table);
  });
}

/// That ClickHouse does not answer is not the table's fault: it ends the run, and the next one asks again.
SchemaEvents::Resumption SchemaEvents::find_left(MirroredTable& table, const TargetFindings& target,
                                                 TargetClient& clickhouse) {
  Resumption left{.exchanged = is_shadow_exchanged(table, clickhouse)};
  left.holder = left.exchanged ? parts_.registry.target(table) : parts_.registry.write_target(table);
  for (const std::string& name : table.record.earlier_names) {
    if (target.tables.contains(name)) left.holder.name = name;
  }
  left.completed = complete_types(table, left.holder, clickhouse);
  return left;
}

/// Renames that an earlier run had begun and may not have ended, before all other steps: who is to have such a name
/// next waits.
void SchemaEvents::finish_renames() {
  parts_.registry.for_each([&](MirroredTable& table) {
    if (!table.followed()) return;
    const std::vector<std::string> from = take_earlier_names(table);
    if (from.empty()) return;
    auto task = task_for(table, nullptr, "");
    task->keep_target();
    then_rename(table, *task, from);
    push(table, std::move(task));
    parts_.registry.for_each([&](MirroredTable& next) {
      if (&next != &table && std::ranges::find(from, next.record.target_name) != from.end()) {
        next.earlier_lane = table.lane;
      }
    });
  });
}

/// A target that a copy is about to replace needs nothing: only what will be read in the end counts.
void SchemaEvents::replace_if_broken(MirroredTable& table, const TargetTable& holder,
                                     const std::vector<BrokenParts>& broken) {
  auto found = std::ranges::find(broken, holder.name, &BrokenParts::table);
  if (found == broken.end() || !table.followed()) return;
  log::warn("{}: {}, and rows with them; the table is copied again", table.name(), found->words());
  recopy(table, std::nullopt, {.floor = table.record.floor, .reason = found->words()});
}

void SchemaEvents::replace(MirroredTable& table, const std::string& reason) {
  log::warn("{}: {} ({}); the table is copied again", table.name(), reason, table.record.target_name);
  recopy(table, std::nullopt, {.floor = table.record.floor, .reason = reason});
}

void SchemaEvents::look_begins() {
  target_inventory_.look_begins(parts_.registry, parts_.lanes, parts_.watermark.ended());
}

/// A table with work in its lane may be about to be made, or renamed; so may one that was when ClickHouse was asked: a
/// target is gone when two looks in a row miss it.
void SchemaEvents::replace_lost(const TargetFindings& target) {
  if (!target.loss.empty()) throw Error(ErrorCode::TargetReplaced, target.loss);
  std::set<Oid> missing;
  parts_.registry.for_each([&](MirroredTable& table) {
    if (!target.broken.empty()) {
      if (table.followed()) parts_.batcher.seal(table);
      replace_if_broken(table, parts_.registry.write_target(table), target.broken);
    }
    const bool at_rest = table.record.state == TableState::Streaming && parts_.lanes.depth(*table.lane) == 0;
    if (!at_rest) return;
    auto found = target.tables.find(table.record.target_name);
    if (found != target.tables.end()) return judge(table, found->second);
    missing.insert(table.record.oid);
    if (!missing_.contains(table.record.oid)) return;
    parts_.batcher.seal(table);
    replace(table, kGone);
  });
  missing_ = std::move(missing);
}

void SchemaEvents::judge(MirroredTable& table, const FoundTable& found) {
  TargetInventory::Verdict verdict = target_inventory_.judge(table.record.oid, found);
  if (verdict.note) {
    parts_.lanes.push(table.lane, std::make_unique<TargetNoteTask>(parts_.catalog, parts_.stream, table.record.oid,
                                                                   *std::move(verdict.note)));
  }
  if (verdict.loss.empty()) return;
  parts_.batcher.seal(table);
  replace(table, verdict.loss);
}

void SchemaEvents::resume_table(MirroredTable& table, const Resumption& found) {
  note_types(table);
  if (table.record.state == TableState::Dropped && !table.record.error.empty()) return push_drop(table);
  if (table.record.state == TableState::Error) {
    // The setting that stopped it was corrected, or the line above would have said so.
    const bool corrected = table.record.error.starts_with(kColumnTypesSetting);
    schedule_healing(table.record.oid, corrected ? ErrorCode::SchemaMismatch : ErrorCode::TargetRejected);
  }
  if (!table.record.copy_snapshot.empty() && table.record.state == TableState::Streaming) {
    table.gate = std::make_shared<CopyGate>(CopyVisibility::parse(table.record.copy_snapshot));
    await_reading(table, found.source_position);
  }
  if (table.record.state != TableState::Pending && table.record.state != TableState::Copying) return;
  // Copies that finish_steps() began are under way.
  if (table.copy_job != 0) return;
  // A mark that an earlier copy left on the target is not this one's, which has still to begin.
  if (table.record.state == TableState::Copying && found.exchanged) return copied(table);
  bool is_bag = table.schema().key().empty();
  bool resume = table.record.state == TableState::Copying && !is_bag;
  bool first = table.record.state == TableState::Pending;
  table.record.state = TableState::Copying;
  auto definition = table_definition(table.schema(), parts_.registry.write_target(table), parts_.registry.choices());
  const char* event = !first ? "" : table.record.shadow ? "copy_again" : "mirror_created";
  auto task = task_for(table, nullptr, event, table.name());
  CreateOptions options{.keep_existing = parts_.settings.on_drop == OnDrop::Keep, .at = found.source_position};
  task->then([definition, resume, shadow = table.record.shadow, options, target = parts_.registry.target(table),
              server = parts_.registry.server(), forget_ranges = forget_ranges(table)](WriterTools& tools) {
    // Ranges that are done are of no use without their rows.
    if (resume && !is_there(tools.clickhouse, definition.table)) forget_ranges();
    if (resume && shadow) {
      ensure_shadow(tools.clickhouse, definition, server);
    } else if (resume) {
      tools.clickhouse.query(create_table_sql(definition, server));
    } else if (shadow) {
      create_shadow(tools.clickhouse, target, definition, server);
    } else {
      create_target(tools.clickhouse, definition, server, options);
    }
  });
  start_copy(table, *task, resume ? CopyStart::Resume : CopyStart::FromStart);
  push(table, std::move(task));
  if (first && !table.record.shadow) ++counters_.created;
}

/// Steps that an earlier run had begun and may not have ended. The rows that come again are of the schema before, and
/// fit the target all the same: TablePlan.
void SchemaEvents::finish_steps(MirroredTable& table) {
  if (!table.followed()) return;
  TableVersion newest = table.versions.back().version;
  if (newest.pending.empty()) return;
  PendingSteps steps = PendingSteps::parse(std::exchange(newest.pending, {}));
  log::info("{}: finishing a schema change that was cut short", table.name());
  if (steps.recopy) {
    return recopy(table, newest, {.floor = newest.lsn, .reason = "a change of its key was cut short"});
  }
  parts_.registry.add_version(table, newest);
  auto task = task_for(table, &newest, "schema_changed", "finished after a restart");
  task->keep_target().then(steps.statements);
  push(table, std::move(task));
}

/// Whether the copy's shadow has taken the target's place already, and only the catalog does not know.
bool SchemaEvents::is_shadow_exchanged(const MirroredTable& table, TargetClient& clickhouse) const {
  if (table.record.state != TableState::Copying || !table.record.shadow || table.schema().key().empty()) return false;
  TablePair pair{parts_.registry.target(table), parts_.registry.shadow(table)};
  return is_exchanged(clickhouse, pair, parts_.registry.server());
}

}  // namespace echodb
