#include "replication/schema_events.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/failpoint.h"
#include "base/log.h"
#include "replication/target_steps.h"

namespace echodb {
namespace {

/// `CREATE TABLE` fires its trigger before the table's first row; the rows of CREATE TABLE AS come before.
bool born_empty(const TableMessage& message) { return message.tag == "CREATE TABLE" && message.published; }

bool same_but_for_storage(TableSchema left, const TableSchema& right) {
  left.relfilenode = right.relfilenode;
  return left == right;
}

/// Whether more may have happened between two looks at a table than can be seen: its rows were written anew, a column
/// gave way to another one of its name, rows are told apart by something else.
bool may_hide_rewrite(const TableSchema& before, const TableSchema& after) {
  if (before.relfilenode != after.relfilenode || after.relkind == 'p' || before.key() != after.key()) return true;
  return std::ranges::any_of(after.columns, [&](const Column& column) {
    auto namesake = std::ranges::find(before.columns, column.name, &Column::name);
    return namesake != before.columns.end() && namesake->attnum != column.attnum;
  });
}

}  // namespace

std::unique_ptr<SchemaTask> SchemaEvents::task_for(const MirroredTable& table, const TableVersion* version,
                                                   std::string event, std::string detail) {
  SchemaTask::Record record{.stream = parts_.stream,
                            .table = table.record,
                            .version = version == nullptr ? std::nullopt : std::optional(*version),
                            .event = std::move(event),
                            .detail = std::move(detail)};
  return std::make_unique<SchemaTask>(parts_.catalog, std::move(record));
}

void SchemaEvents::push(MirroredTable& table, std::unique_ptr<SchemaTask> task) {
  target_inventory_.stepped(table.record.oid, {.target_kept = task->keeps_target()});
  task->tickets.push_back(parts_.watermark.open());
  std::ranges::move(std::exchange(table.owed, {}), std::back_inserter(task->tickets));
  if (std::shared_ptr<Lane> earlier = std::exchange(table.earlier_lane, nullptr)) {
    parts_.lanes.run_after(*task, parts_.lanes.end_of(earlier));
  }
  parts_.lanes.push(table.lane, std::move(task));
}

void SchemaEvents::apply(const DdlMessage& message, Lsn lsn) {
  std::visit([&](const auto& of_kind) { on(of_kind, lsn); }, message);
}

/// A schema that cannot be carried over stops its table, or makes a column of it text, and nothing else.
void SchemaEvents::follow(MirroredTable& table, const TableVersion& version, const std::function<void()>& step) {
  try {
    step();
  } catch (const Error& error) {
    log::warn("{} at {}: {}", table.name(), to_string(version.lsn), error.what());
    parts_.batcher.seal(table);
    parts_.registry.add_version(table, version);
    fail(table, error, version.lsn);
  }
}

void SchemaEvents::on(const TableMessage& message, Lsn lsn) {
  MirroredTable* table = parts_.registry.find(message.schema.oid);
  // A description was asked for because the table is there, watched, and has no mirror: the drop was not meant.
  const bool described = message.tag == kDescribeTag;
  const bool wanted = message.published || described || message.tag == kResyncTag;
  const bool watched_again = table != nullptr && table->record.state == TableState::Dropped && wanted &&
                             lsn > table->record.dropped.value_or(Lsn());
  TableVersion version{.lsn = lsn, .schema = message.schema, .snapshot = message.snapshot};
  const bool made_anew = table == nullptr || watched_again;
  give_types(version.schema, made_anew || message.tag == kResyncTag ? nullptr : table);
  if (made_anew) return created(message, version);
  bool replayed = lsn <= table->versions.back().version.lsn || lsn <= table->record.floor;
  if (replayed) return;
  // The answer to LostMessage is in force since then.
  const std::optional<LostSchema> lost = table->lost;
  if (lost && described) version.lsn = lost->since;
  // Others may have written before the command and commit after it: nothing of theirs is to be skipped.
  const bool writers_beside = lost ? !(described && lost->exclusive) : described;
  if (message.tag == kResyncTag) {
    follow(*table, version, [&] { resync(*table, version); });
  } else if (table->followed() && message.published && (described || message.tag == kSetupTag)) {
    follow(*table, version, [&] { published_again(*table, version); });
  } else if (table->followed()) {
    Lsn floor = writers_beside ? table->record.floor : version.lsn;
    follow(*table, version, [&] { changed(*table, version, {.tag = message.tag, .floor = floor}); });
  }
  if (described) put_on_record(*table);
  for (Watermark::Ticket ticket : end_loss(*table)) parts_.watermark.close(ticket);
}

/// The catalog may have no row of the table, although it is mirrored: somebody deleted it.
void SchemaEvents::put_on_record(const MirroredTable& table) {
  if (table.record.state == TableState::Dropped) return;
  auto task = task_for(table, nullptr, "");
  task->keep_target();
  TableRecord record = table.record;
  record.target_kept = true;
  for (const LiveVersion& live : table.versions) {
    task->then([record, version = live.version, &catalog = parts_.catalog, stream = parts_.stream](WriterTools&) {
      catalog.save_table(stream, record, &version);
    });
  }
  task->tickets.push_back(parts_.watermark.open());
  parts_.lanes.push(table.lane, std::move(task));
}

void SchemaEvents::created(const TableMessage& message, const TableVersion& version) {
  bool empty = born_empty(message);
  MirroredTable& table = parts_.registry.add(
      {.oid = message.schema.oid, .state = empty ? TableState::Streaming : TableState::Copying, .floor = version.lsn},
      version);
  healing_.erase(message.schema.oid);
  name_taken(table);
  ++counters_.created;
  log::info("mirror created: {} -> {}{}", table.name(), table.record.target_name, empty ? "" : ", copying its rows");
  follow(table, version, [&] { create(table, version, empty); });
}

void SchemaEvents::create(MirroredTable& table, const TableVersion& version, bool empty) {
  auto definition = table_definition(table.schema(), parts_.registry.target(table), parts_.registry.choices());
  auto task =
      task_for(table, &version, "mirror_created", fmt::format("{} as {}", table.name(), table.record.target_name));
  CreateOptions options{.keep_existing = parts_.settings.on_drop == OnDrop::Keep, .at = version.lsn};
  task->announce_target();
  task->then([definition, options, server = parts_.registry.server()](WriterTools& tools) {
    create_target(tools.clickhouse, definition, server, options);
  });
  task->then_notify("peerdb_create_mirror", table.schema());
  if (!empty) start_copy(table, *task, CopyStart::NewlyPublished);
  push(table, std::move(task));
  note_types(table);
}

void SchemaEvents::changed(MirroredTable& table, TableVersion version, const Command& command) {
  Rewrite rewrite = std::exchange(table.rewrite, Rewrite::None);
  mark_widened(table.record, version.schema);
  if (rewrite == Rewrite::None && same_but_for_storage(table.schema(), version.schema)) return;
  parts_.batcher.seal(table);
  TableSchema before = table.schema();
  widen_added_arrays(table, version);
  if (command.tag == kDescribeTag && rewrite == Rewrite::None && may_hide_rewrite(before, version.schema)) {
    rewrite = Rewrite::Unknown;
  }
  if (before.qualified_name() != version.schema.qualified_name()) rename(table, version.schema);
  SchemaChange change = compare_schemas({.before = before, .after = version.schema, .rewrite = rewrite},
                                        parts_.registry.write_target(table), parts_.registry.choices());
  bool copying = table.record.state == TableState::Copying;
  // Rows that were left in the log come again, and a rebuild would rule them out.
  const bool rows_left = !table.left_in_log.empty() && change.effort == SchemaChange::Effort::Rebuild;
  bool copied_as_it_was = copying && (change.effort == SchemaChange::Effort::Rebuild ||
                                      (change.effort == SchemaChange::Effort::Alter && table.gate != nullptr));
  if (change.effort == SchemaChange::Effort::Recopy || copied_as_it_was || rows_left) {
    if (change.reason.empty()) change.reason = "its schema changed amid its copy";
    return recopy(table, version, {.floor = command.floor, .reason = change.reason, .tickets = end_loss(table)});
  }
  alter(table, version, std::move(change), command.tag);
}

void SchemaEvents::alter(MirroredTable& table, const TableVersion& version, SchemaChange change,
                         const std::string& tag) {
  if (change.effort == SchemaChange::Effort::Rebuild) table.record.floor = version.lsn;
  parts_.registry.add_version(table, version);
  auto task = task_for(table, &version, change.effort == SchemaChange::Effort::Nothing ? "" : "schema_changed", tag);
  // A keyed table's copy goes on under the new schema, which it compares the source's columns with.
  bool copying = table.record.state == TableState::Copying &&
                 (change.effort != SchemaChange::Effort::Nothing || table.gate == nullptr);
  if (copying) task->then(drain_copies(table));
  if (change.effort != SchemaChange::Effort::Rebuild) task->keep_target();
  if (change.effort != SchemaChange::Effort::Nothing) {
    task->announce({.recopy = change.effort == SchemaChange::Effort::Rebuild, .statements = change.statements});
  }
  task->then(change.statements);
  if (change.effort == SchemaChange::Effort::Rebuild) {
    Rebuild rebuild{
        .tables = {parts_.registry.target(table), parts_.registry.shadow(table)},
        .shadow = table_definition(table.schema(), parts_.registry.shadow(table), parts_.registry.choices()),
        .renames = std::move(change.key_renames)};
    task->then([rebuild = std::move(rebuild), server = parts_.registry.server()](WriterTools& tools) {
      rebuild_target(tools.clickhouse, rebuild, server);
    });
  }
  // The copy goes on with the new names, at the next range.
  if (copying) start_copy(table, *task, CopyStart::Resume);
  push(table, std::move(task));
  note_types(table);
  log::info("schema changed: {} by {}", table.name(), tag);
}

void SchemaEvents::rename(MirroredTable& table, const TableSchema& schema) {
  std::string name = parts_.registry.free_target_name(schema.schema, schema.name, &table);
  if (name == table.record.target_name) return;
  std::shared_ptr<Lane> earlier = parts_.registry.lane_of(name);
  // A rename that was not done may have been done all the same, and its answer lost.
  table.record.earlier_names.push_back(table.record.target_name);
  parts_.registry.rename_target(table, name);
  std::vector<std::string> from = take_earlier_names(table);
  name_taken(table);
  bool copying = table.record.state == TableState::Copying;
  auto task = task_for(table, nullptr, "table_renamed", schema.qualified_name());
  task->keep_target();
  task->announce_rename(from);
  if (copying) task->then(drain_copies(table));
  std::optional<LanePlace> awaited;
  if (earlier != nullptr && earlier != table.lane) awaited = parts_.lanes.end_of(earlier);
  then_rename(table, *task, std::move(from), awaited);
  // Whoever had the name gives it up first.
  if (awaited) parts_.lanes.run_after(*task, *awaited);
  bool one_transaction = copying && table.gate != nullptr;
  if (one_transaction) forget_copy(table);
  if (copying && !one_transaction) start_copy(table, *task, CopyStart::Resume);
  push(table, std::move(task));
  if (one_transaction) copy_from_start(table, "copy_begun_again", "renamed");
}

/// Should the step not be done, the table's next copy ends with it, and waits then for whom this one had to wait for.
/// The step that puts the failure on record waits for nobody: others wait for it.
void SchemaEvents::then_rename(MirroredTable& table, SchemaTask& task, std::vector<std::string> from,
                               std::optional<LanePlace> awaited) {
  for (const LanePlace& place : std::exchange(table.awaited, {})) parts_.lanes.run_after(task, place);
  CreateOptions options{.keep_existing = parts_.settings.on_drop == OnDrop::Keep, .at = parts_.watermark.ended()};
  task.then([names = Rename{.from = from, .to = parts_.registry.target(table)}, options,
             server = parts_.registry.server()](WriterTools& tools) {
    rename_target(tools.clickhouse, names, server, options);
  });
  task.dropped = [this, oid = table.record.oid, from = std::move(from), awaited = std::move(awaited)](StepEnd) {
    MirroredTable* renamed = parts_.registry.find(oid);
    if (renamed == nullptr) return;
    if (awaited) renamed->awaited.push_back(*awaited);
    // Whoever has taken such a name meanwhile makes room for itself.
    std::ranges::copy_if(from, std::back_inserter(renamed->record.earlier_names),
                         [&](const std::string& name) { return !parts_.registry.is_taken(name, renamed); });
  };
}

void SchemaEvents::truncate(MirroredTable& table, Lsn lsn) {
  parts_.batcher.seal(table);
  // Of a table that has stopped as well: the copy that heals it has none of these rows, and they may be read again.
  table.record.floor = lsn;
  if (!table.followed()) return;
  if (table.record.state == TableState::Copying) return copy_from_start(table, "truncated", "");
  auto task = task_for(table, nullptr, "truncated");
  task->then([target = parts_.registry.write_target(table), server = parts_.registry.server()](WriterTools& tools) {
    empty_target(tools.clickhouse, target, server);
    failpoint("truncate.applied");
  });
  push(table, std::move(task));
}

void SchemaEvents::on(const DropMessage& message, Lsn lsn) {
  MirroredTable* table = parts_.registry.find(message.oid);
  if (table == nullptr || table->record.state == TableState::Dropped || lsn <= table->record.floor) return;
  drop(*table, lsn);
}

void SchemaEvents::drop(MirroredTable& table, Lsn lsn) {
  parts_.batcher.seal(table);
  forget_copy(table);
  table.record.state = TableState::Dropped;
  healing_.erase(table.record.oid);
  fallback_types_.erase(table.record.oid);
  kept_types_.erase(table.record.oid);
  table.record.dropped = lsn;
  std::ranges::move(end_loss(table), std::back_inserter(table.owed));
  push_drop(table);
  ++counters_.dropped;
  bool keep = parts_.settings.on_drop == OnDrop::Keep;
  log::info("mirror dropped: {}{}", table.name(), keep ? ", its target table is kept" : "");
}

/// What has the table's name in ClickHouse by now may be another one's.
void SchemaEvents::push_drop(MirroredTable& table) {
  table.drop_failed = false;
  table.record.error.clear();
  table.record.error_lsn.reset();
  std::vector<TargetTable> targets{parts_.registry.target(table)};
  // A rename that was not done may have been done all the same.
  table.record.earlier_names = take_earlier_names(table);
  for (const std::string& name : table.record.earlier_names) targets.push_back({targets.front().database, name});
  std::erase_if(targets, [&](const TargetTable& target) { return parts_.registry.is_taken(target.name, &table); });
  if (parts_.settings.on_drop == OnDrop::Keep) targets.clear();
  auto task = task_for(table, nullptr, "mirror_dropped", table.name());
  task->then(drain_copies(table));
  task->then([targets, shadow = parts_.registry.shadow(table), server = parts_.registry.server()](WriterTools& tools) {
    drop_shadow(tools.clickhouse, shadow, server);
    for (const TargetTable& target : targets) drop_if_ours(tools.clickhouse, target, server);
  });
  task->then_notify("peerdb_drop_mirror", table.schema());
  task->dropped = [this, oid = table.record.oid](StepEnd end) {
    MirroredTable* dropped = parts_.registry.find(oid);
    if (dropped != nullptr) dropped->drop_failed = end == StepEnd::Failed;
  };
  push(table, std::move(task));
}

/// Whoever takes a name makes room for itself: what another table still had under it is gone.
void SchemaEvents::name_taken(const MirroredTable& by) {
  parts_.registry.for_each([&](MirroredTable& other) {
    if (&other != &by && std::erase(other.record.earlier_names, by.record.target_name) > 0) put_on_record(other);
  });
}

/// The names of which the target has one, if its last rename was not done; none otherwise. A name that another table
/// is to have by now is among them until this one has given it up on record: that table waits for it.
std::vector<std::string> SchemaEvents::take_earlier_names(MirroredTable& table) {
  std::vector<std::string> names = std::exchange(table.record.earlier_names, {});
  std::erase(names, table.record.target_name);
  const std::set<std::string> each(names.begin(), names.end());
  return {each.begin(), each.end()};
}

void SchemaEvents::on(const RewriteMessage& message, Lsn lsn) {
  MirroredTable* table = parts_.registry.find(message.oid);
  if (table == nullptr || lsn <= table->versions.back().version.lsn) return;
  if (table->record.state == TableState::Error) {
    // The copy that heals it has the rows as they are now, in versions that those of the log would win over.
    table->record.floor = std::max(table->record.floor, lsn);
  } else if (table->followed()) {
    bool plain = message.plain && table->rewrite != Rewrite::Unknown;
    table->rewrite = plain ? Rewrite::Plain : Rewrite::Unknown;
  }
}

void SchemaEvents::on(const UnwatchMessage& message, Lsn lsn) { on(DropMessage{message.oid}, lsn); }

/// The source is asked to describe the table again. Until then its rows have columns that nobody knows of; they are
/// left to the copy that follows.
void SchemaEvents::on(const LostMessage& message, Lsn lsn) {
  MirroredTable* table = parts_.registry.find(message.oid);
  if (table != nullptr) {
    bool replayed = lsn <= table->versions.back().version.lsn || lsn <= table->record.floor;
    if (!table->followed() || replayed) return;
    table->rewrite = Rewrite::Unknown;
    if (!table->lost) {
      table->lost = LostSchema{.since = lsn, .exclusive = message.exclusive, .ticket = parts_.watermark.open()};
    }
    table->lost->exclusive = table->lost->exclusive && message.exclusive;
  }
  log::warn("the source could not record a schema change of relation {}: {}", message.oid, message.reason);
  describe(message.oid, kDescribeTag);
}

/// The table's rows are read again. The tickets go to the step that puts the new copy on record.
std::vector<Watermark::Ticket> SchemaEvents::end_loss(MirroredTable& table) {
  std::optional<LostSchema> lost = std::exchange(table.lost, std::nullopt);
  return lost ? std::vector{lost->ticket} : std::vector<Watermark::Ticket>();
}

void SchemaEvents::describe(Oid oid, std::string_view tag) {
  push_beside(oid, std::make_unique<DescribeTask>(
                       oid, tag, std::vector<Xid>(recent_transactions_.begin(), recent_transactions_.end())));
}

/// For what concerns a relation, mirrored or not, and need not come between its rows: one that is locked in the source
/// holds no other one up.
void SchemaEvents::push_beside(Oid oid, std::unique_ptr<LaneTask> task) {
  std::erase_if(lanes_beside_, [&](const auto& entry) { return parts_.lanes.depth(*entry.second) == 0; });
  task->tickets.push_back(parts_.watermark.open());
  std::shared_ptr<Lane>& lane = lanes_beside_[oid];
  if (lane == nullptr) lane = std::make_shared<Lane>(fmt::format("relation {}", oid));
  parts_.lanes.push(lane, std::move(task));
}

}  // namespace echodb
