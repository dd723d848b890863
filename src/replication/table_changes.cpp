#include "replication/table_changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/failpoint.h"
#include "base/log.h"
#include "replication/target_steps.h"

namespace echodb {
namespace {

/// `CREATE TABLE` fires its trigger before the table's first row, unless an event trigger of the application's comes
/// first; the rows of CREATE TABLE AS come before.
bool born_empty(const TableMessage& message) {
  return message.tag == "CREATE TABLE" && message.published && message.empty;
}

bool same_but_for_storage(TableSchema left, const TableSchema& right) {
  left.relfilenode = right.relfilenode;
  return left == right;
}

/// A partitioned table has no rows: which of their old rows it publishes changes nothing while they are told apart as
/// before.
bool has_other_identity_only(TableSchema before, const TableSchema& after) {
  if (after.relkind != 'p' || before.key() != after.key()) return false;
  before.replica_identity = after.replica_identity;
  return same_but_for_storage(std::move(before), after);
}

/// Whether more may have happened between two looks at a table than can be seen: its rows were written anew, a column
/// gave way to another one of its name, rows are told apart by something else.
bool may_hide_rewrite(const TableSchema& before, const TableSchema& after) {
  if (has_other_identity_only(before, after)) return false;
  if (before.relfilenode != after.relfilenode || after.relkind == 'p' || before.key() != after.key()) return true;
  return std::ranges::any_of(after.columns, [&](const Column& column) {
    auto namesake = std::ranges::find(before.columns, column.name, &Column::name);
    return namesake != before.columns.end() && namesake->attnum != column.attnum;
  });
}

}  // namespace

void TableChanges::created(const TableMessage& message, const TableVersion& version) {
  bool empty = born_empty(message);
  make_way(version);
  TableNames::Left left = tools_.names.left_by_drop(message.schema.oid);
  MirroredTable& table = parts_.registry.add({.oid = message.schema.oid,
                                              .state = empty ? TableState::Streaming : TableState::Copying,
                                              .floor = version.lsn,
                                              .types_changed = tools_.type_changes.after(version),
                                              .earlier_names = std::move(left.names)},
                                             version);
  table.awaited = std::move(left.awaited);
  tools_.healing.forget(message.schema.oid);
  tools_.names.taken(table);
  tools_.names.take_after(table, std::exchange(table.earlier_lanes, {}));
  ++tools_.counters.created;
  log::info("mirror created: {} -> {}{}", table.name(), table.record.target_name, empty ? "" : ", copying its rows");
  failures_.follow(table, version, [&] { create(table, version, empty); });
}

void TableChanges::create(MirroredTable& table, const TableVersion& version, bool empty) {
  auto definition = table_definition(table.schema(), parts_.registry.target(table), parts_.registry.choices());
  // What a drop that was refused has left goes the way of what has the new name.
  std::vector<std::string> earlier_names = TableNames::take_earlier(table);
  auto task = tools_.steps.make(table, &version, "mirror_created",
                                fmt::format("{} as {}", table.name(), table.record.target_name));
  CreateOptions options{.keep_existing = parts_.settings.on_drop == OnDrop::Keep, .at = version.lsn};
  task->announce_target();
  task->announce_rename(earlier_names);
  // The table may have been mirrored before.
  task->then([forget_ranges = tools_.steps.forget_ranges(table)](WriterTools&) { forget_ranges(); });
  tools_.names.then_rename(table, *task, std::move(earlier_names));
  task->then([definition, options, server = parts_.registry.server()](WriterTools& tools) {
    create_target(tools.clickhouse, definition, server, options);
  });
  task->then_notify("peerdb_create_mirror", table.schema());
  table.written_unpublished = !empty;
  if (!empty) copies_.start(table, *task, CopyStart::FromStart);
  tools_.steps.push(table, std::move(task));
  tools_.types.note(table);
}

void TableChanges::changed(MirroredTable& table, TableVersion version, const Command& command) {
  Followed& of = *table.followed();
  Rewrite rewrite = std::exchange(of.rewrite, Rewrite::None);
  mark_widened(table.record, version.schema);
  if (rewrite == Rewrite::None && same_but_for_storage(table.schema(), version.schema)) return;
  parts_.batcher.seal(table);
  TableSchema before = table.schema();
  tools_.types.widen_added_arrays(table, version);
  if (command.tag == kDescribeTag && rewrite == Rewrite::None && may_hide_rewrite(before, version.schema)) {
    rewrite = Rewrite::Unknown;
  }
  if (before.qualified_name() != version.schema.qualified_name()) rename(table, version);
  SchemaChange change = compare_schemas({.before = before, .after = version.schema, .rewrite = rewrite},
                                        parts_.registry.write_target(table), parts_.registry.choices());
  // Rows that were left in the log come again, and a rebuild would rule them out.
  const bool rows_left = !of.left_in_log.empty() && change.effort == SchemaChange::Effort::Rebuild;
  const bool copied_as_it_was = (table.is<Copying>() && change.effort == SchemaChange::Effort::Rebuild) ||
                                (table.is_copied_whole() && change.effort == SchemaChange::Effort::Alter);
  if (change.effort == SchemaChange::Effort::Recopy || copied_as_it_was || rows_left) {
    if (change.reason.empty()) change.reason = "its schema changed amid its copy";
    table.owe_lost_schema();
    return copies_.copy_again(table, version, {.floor = command.floor, .reason = change.reason});
  }
  alter(table, version, std::move(change), command.tag);
}

void TableChanges::changed_while_stopped(MirroredTable& table, const TableVersion& version) {
  TableVersion now = version;
  mark_widened(table.record, now.schema);
  if (same_but_for_storage(table.schema(), now.schema)) return;
  if (table.name() != now.schema.qualified_name()) rename(table, now);
  parts_.registry.add_version(table, std::move(now));
  tools_.steps.put_on_record(table);
}

void TableChanges::alter(MirroredTable& table, const TableVersion& version, SchemaChange change,
                         const std::string& tag) {
  using Effort = SchemaChange::Effort;
  if (change.effort == Effort::Rebuild) table.record.floor = version.lsn;
  parts_.registry.add_version(table, version);
  auto task = tools_.steps.make(table, &version, change.effort == Effort::Nothing ? "" : "schema_changed", tag);
  // A keyed table's copy goes on under the new schema, which it compares the source's columns with.
  bool copying = table.is<Copying>() && (change.effort != Effort::Nothing || !table.is_copied_whole());
  if (copying) task->then(tools_.steps.drain_copies(table));
  if (change.effort != Effort::Rebuild) task->keep_target();
  if (change.effort != Effort::Nothing) {
    task->announce({.recopy = change.effort == Effort::Rebuild, .statements = change.statements});
  }
  tools_.steps.alter_target(*task, table, std::move(change.statements), change.takes_columns);
  if (change.effort == Effort::Rebuild) task->then(rebuild(table, std::move(change.key_renames)));
  // The copy goes on with the new names, at the next range.
  if (copying) copies_.start(table, *task, CopyStart::Resume);
  tools_.steps.push(table, std::move(task));
  tools_.types.note(table);
  log::info("schema changed: {} by {}", table.name(), tag);
}

SchemaTask::Step TableChanges::rebuild(const MirroredTable& table, std::vector<ColumnRename> key_renames) const {
  Rebuild rebuild{.tables = {parts_.registry.target(table), parts_.registry.shadow(table)},
                  .shadow = table_definition(table.schema(), parts_.registry.shadow(table), parts_.registry.choices()),
                  .renames = std::move(key_renames),
                  .options = tools_.names.options()};
  return [rebuild = std::move(rebuild), server = parts_.registry.server()](WriterTools& tools) mutable {
    rebuild_target(tools.clickhouse, rebuild, server);
  };
}

/// Two tables of the source cannot have one name: the one that was described last has it. What became of the other one,
/// which is renamed or gone, has still to be heard.
void TableChanges::make_way(const TableVersion& version) {
  const TableSchema& schema = version.schema;
  parts_.registry.for_each([&](MirroredTable& other) {
    const bool was_it =
        other.record.oid != schema.oid && !other.is<Dropped>() && other.name() == schema.qualified_name();
    if (!was_it || version.lsn < other.versions.back().version.lsn) return;
    TableRegistry& registry = parts_.registry;
    if (registry.free_target_name(schema.schema, schema.name, &other) != other.record.target_name) return;
    parts_.batcher.seal(other);
    rename_target(other, registry.free_target_name(schema.schema, schema.name), "another table has its name");
  });
}

void TableChanges::rename(MirroredTable& table, const TableVersion& version) {
  make_way(version);
  const TableSchema& schema = version.schema;
  std::string name = parts_.registry.free_target_name(schema.schema, schema.name, &table);
  if (name != table.record.target_name) rename_target(table, name, schema.qualified_name());
}

void TableChanges::rename_target(MirroredTable& table, const std::string& name, const std::string& detail) {
  const std::string before = table.record.target_name;
  // A rename that was not done may have been done all the same, and its answer lost.
  table.record.earlier_names.push_back(before);
  const bool may_have_it = std::ranges::find(table.record.earlier_names, name) != table.record.earlier_names.end();
  const Lanes earlier = parts_.registry.rename_target(table, name);
  std::vector<std::string> from = TableNames::take_earlier(table);
  tools_.names.taken(table);
  auto task = tools_.steps.make(table, nullptr, "table_renamed", detail);
  task->keep_target();
  if (!may_have_it) task->before_all(tools_.names.make_room(table));
  task->announce_rename(from);
  if (table.is<Copying>()) task->then(tools_.steps.drain_copies(table));
  tools_.names.take_after(table, earlier);
  tools_.names.then_rename(table, *task, std::move(from));
  const bool one_transaction = table.is_copied_whole();
  if (one_transaction) copies_.forget(table);
  if (table.is<Copying>() && !one_transaction) copies_.start(table, *task, CopyStart::Resume);
  tools_.steps.push(table, std::move(task));
  tools_.names.given_up(table, before);
  if (one_transaction) copies_.start_over(table, "copy_begun_again", "renamed");
}

void TableChanges::truncated(MirroredTable& table, Lsn lsn) {
  parts_.batcher.seal(table);
  // Of a table that has stopped as well: the copy that heals it has none of these rows, and they may be read again.
  table.record.floor = lsn;
  if (table.is<Copying>()) return copies_.start_over(table, "truncated", "");
  if (!table.is<Streaming>()) return;
  auto task = tools_.steps.make(table, nullptr, "truncated");
  task->announce_emptying();
  task->then([target = parts_.registry.write_target(table), server = parts_.registry.server()](WriterTools& tools) {
    empty_target(tools.clickhouse, target, server);
    failpoint("truncate.applied");
  });
  tools_.steps.push(table, std::move(task));
}

void TableChanges::resync(MirroredTable& table, const TableVersion& version) {
  if (table.is<Dropped>()) return;
  Lsn floor = table.record.floor;
  parts_.batcher.seal(table);
  if (table.name() != version.schema.qualified_name()) rename(table, version);
  // Another chance for columns that were widened: what they could not hold may be gone.
  table.record.widened_columns.clear();
  table.owe_lost_schema();
  copies_.copy_again(table, version, {.floor = floor, .reason = "a new copy was asked for"});
  tools_.types.note(table);
}

void TableChanges::published_again(MirroredTable& table, const TableVersion& version) {
  parts_.batcher.seal(table);
  table.followed()->rewrite = Rewrite::None;
  if (table.name() != version.schema.qualified_name()) rename(table, version);
  TableVersion now = version;
  mark_widened(table.record, now.schema);
  table.owe_lost_schema();
  table.written_unpublished = true;
  copies_.copy_again(table, now, {.floor = table.record.floor, .reason = "it was not published for a while"});
}

}  // namespace echodb
