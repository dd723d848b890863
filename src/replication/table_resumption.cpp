#include "replication/table_resumption.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "replication/target_steps.h"

namespace echodb {

void TableResumption::run(Lsn source_position, const TargetFindings& target, TargetClient& clickhouse) {
  // All that is asked is asked before a lane has a step, which would change the answers.
  std::map<Oid, Left> found;
  parts_.registry.for_each(
      [&](MirroredTable& table) { found[table.record.oid] = find_left(table, target, clickhouse); });
  tools_.names.finish_renames();
  parts_.registry.for_each([&](MirroredTable& table) {
    const Left& left = found.at(table.record.oid);
    const TableVersion newest = table.versions.back().version;
    failures_.follow(table, newest, [&] {
      finish_steps(table);
      finish_emptying(table);
      losses_.begin(table, left.holder, target);
      go_on(table, left, source_position);
    });
    if (left.completed) tools_.steps.put_on_record(table);
    if (table.followed() != nullptr) tools_.types.warn_of_kept(table);
    table.check_invariants();
  });
}

/// That ClickHouse does not answer is not the table's fault: it ends the run, and the next one asks again.
TableResumption::Left TableResumption::find_left(MirroredTable& table, const TargetFindings& target,
                                                 TargetClient& clickhouse) const {
  Left left{.exchanged = is_shadow_exchanged(table, clickhouse)};
  left.holder = left.exchanged ? parts_.registry.target(table) : parts_.registry.write_target(table);
  for (const std::string& name : table.record.earlier_names) {
    if (target.tables.contains(name)) left.holder.name = name;
  }
  left.completed = tools_.types.complete(table, left.holder, clickhouse);
  return left;
}

bool TableResumption::is_shadow_exchanged(const MirroredTable& table, TargetClient& clickhouse) const {
  if (!table.is<Copying>() || !table.record.shadow || table.schema().key().empty()) return false;
  TablePair pair{parts_.registry.target(table), parts_.registry.shadow(table)};
  return is_exchanged(clickhouse, pair, parts_.registry.server());
}

/// Steps that an earlier run had begun and may not have ended. The rows that come again are of the schema before, and
/// fit the target all the same: TablePlan.
void TableResumption::finish_steps(MirroredTable& table) {
  if (table.followed() == nullptr) return;
  TableVersion newest = table.versions.back().version;
  if (newest.pending.empty()) return;
  PendingSteps steps = PendingSteps::parse(std::exchange(newest.pending, {}));
  log::info("{}: finishing a schema change that was cut short", table.name());
  if (steps.recopy) {
    return copies_.copy_again(table, newest, {.floor = newest.lsn, .reason = "a change of its key was cut short"});
  }
  parts_.registry.add_version(table, newest);
  auto task = tools_.steps.make(table, &newest, "schema_changed", "finished after a restart");
  task->keep_target();
  tools_.steps.alter_target(*task, table, std::move(steps.statements), true);
  tools_.steps.push(table, std::move(task));
}

/// Rows that come again are of after the TRUNCATE. A copy has none of those before it anyway.
void TableResumption::finish_emptying(MirroredTable& table) {
  if (!std::exchange(table.record.emptying, false) || !table.is<Streaming>()) return;
  auto task = tools_.steps.make(table, nullptr, "truncated", "finished after a restart");
  task->announce_emptying();
  task->then([target = parts_.registry.target(table), server = parts_.registry.server()](WriterTools& tools) {
    empty_target(tools.clickhouse, target, server);
  });
  tools_.steps.push(table, std::move(task));
}

void TableResumption::go_on(MirroredTable& table, const Left& left, Lsn source_position) {
  tools_.types.note(table);
  if (table.is<Dropped>() && !table.record.error.empty()) return drops_.push(table);
  if (table.is<Stopped>()) {
    // The setting that stopped it was corrected, or the line above would have said so.
    const bool corrected = table.record.error.starts_with(kColumnTypesSetting);
    tools_.healing.failed(table.record.oid, corrected ? ErrorCode::SchemaMismatch : ErrorCode::TargetRejected);
  }
  if (auto* streaming = table.as<Streaming>(); streaming != nullptr && !table.record.copy_snapshot.empty()) {
    streaming->gate = std::make_shared<CopyGate>(CopyVisibility::parse(table.record.copy_snapshot));
    copies_.await_reading(table, source_position);
  }
  const auto* copying = table.as<Copying>();
  // Copies that finish_steps() began are under way.
  const bool is_due = table.is<Pending>() || (copying != nullptr && copying->job == 0);
  if (!is_due) return;
  // A mark that an earlier copy left on the target is not this one's, which has still to begin.
  if (left.exchanged) return copies_.copied(table);
  // A target made beside the one that still has an earlier name could be taken for it by the rename.
  if (!table.record.earlier_names.empty() && !table.record.shadow) {
    return copies_.copy_again(table, std::nullopt, {.floor = table.record.floor, .reason = "a rename was cut short"});
  }
  go_on_copying(table, source_position);
}

void TableResumption::go_on_copying(MirroredTable& table, Lsn source_position) {
  const bool first = table.is<Pending>();
  const bool resume = !first && !table.schema().key().empty();
  table.enter<Copying>();
  auto definition = table_definition(table.schema(), parts_.registry.write_target(table), parts_.registry.choices());
  const char* event = !first ? "" : table.record.shadow ? "copy_again" : "mirror_created";
  auto task = tools_.steps.make(table, nullptr, event, table.name());
  CreateOptions options{.keep_existing = parts_.settings.on_drop == OnDrop::Keep, .at = source_position};
  task->then([definition, resume, shadow = table.record.shadow, options, target = parts_.registry.target(table),
              server = parts_.registry.server(),
              forget_ranges = tools_.steps.forget_ranges(table)](WriterTools& tools) {
    // Nothing is made where a table is: a CREATE that came late would make an empty one when somebody has dropped it.
    if (resume && is_there(tools.clickhouse, definition.table)) {
      if (shadow) mark_shadow(tools.clickhouse, definition.table, server);
      return;
    }
    // Ranges that are done are of no use without their rows.
    forget_ranges();
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
  copies_.start(table, *task, resume ? CopyStart::Resume : CopyStart::FromStart);
  tools_.steps.push(table, std::move(task));
  if (first && !table.record.shadow) ++tools_.counters.created;
}

}  // namespace echodb
