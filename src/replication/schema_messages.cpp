#include "replication/schema_messages.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace echodb {

void SchemaMessages::apply(const DdlMessage& message, Lsn lsn) {
  std::visit([&](const auto& of_kind) { on(of_kind, lsn); }, message);
}

void SchemaMessages::on(const TableMessage& message, Lsn lsn) {
  tools_.type_changes.described(message.schema.oid);
  MirroredTable* table = parts_.registry.find(message.schema.oid);
  // A description was asked for because the table is there, watched, and has no mirror: the drop was not meant.
  const bool described = message.tag == kDescribeTag;
  const bool wanted = message.published || described || message.tag == kResyncTag;
  const bool watched_again =
      table != nullptr && table->is<Dropped>() && wanted && lsn > table->record.dropped.value_or(Lsn());
  TableVersion version{.lsn = lsn, .schema = message.schema, .snapshot = message.snapshot};
  const bool made_anew = table == nullptr || watched_again;
  tools_.types.give(version.schema, made_anew || message.tag == kResyncTag ? nullptr : table);
  if (made_anew) return changes_.created(message, version);
  if (lsn <= table->record.floor) return;
  if (lsn <= table->versions.back().version.lsn) return read_again(*table, message, lsn);
  if (awaits_another(*table, message, lsn)) return;
  changed(*table, message, std::move(version));
  if (described) tools_.steps.put_on_record(*table);
  // Nothing had to make up for what was lost.
  Followed* of = table->followed();
  if (of == nullptr || !of->lost) return;
  parts_.watermark.close(of->lost->ticket);
  of->lost.reset();
}

/// What was done is done. But rows that were there before a table was published again come again as well, and win over
/// the copy that had what was not in the log.
void SchemaMessages::read_again(const MirroredTable& table, const TableMessage& message, Lsn lsn) {
  const bool first = table.versions.front().version.lsn >= lsn;
  if (!message.published || first) return;
  copies_.ask({.oid = table.record.oid, .reason = "it was not published for a while, and is read again"});
}

/// Of a table whose schema was lost, a description that was asked for since then knows all. Any other message may come
/// from a transaction that began before, and know nothing of what was lost.
bool SchemaMessages::awaits_another(const MirroredTable& table, const TableMessage& message, Lsn lsn) {
  const Followed* of = table.followed();
  if (of == nullptr || !of->lost) return false;
  const bool asked_for = message.tag == kDescribeTag || message.tag == kResyncTag || message.tag == kSetupTag;
  return !asked_for || lsn <= of->lost->since;
}

void SchemaMessages::changed(MirroredTable& table, const TableMessage& message, TableVersion version) {
  const bool described = message.tag == kDescribeTag;
  const Followed* of = table.followed();
  // The answer to LostMessage is in force since then.
  const std::optional<LostSchema> lost = of == nullptr ? std::nullopt : of->lost;
  if (lost && described) version.lsn = lost->since;
  // Others may have written before the command and commit after it: nothing of theirs is to be skipped.
  const bool writers_beside = lost ? !(described && lost->exclusive) : described;
  const Lsn floor = writers_beside ? table.record.floor : version.lsn;
  if (const auto since = tools_.type_changes.after(version)) {
    table.note_types_changed(*since);
    // No row need come: the rows that are older than a column show its default.
    const bool shown =
        std::ranges::any_of(version.schema.columns, [](const Column& c) { return c.missing_value.has_value(); });
    if (shown) copies_.ask_for_rows_as_before(table);
  }
  failures_.follow(table, version, [&] {
    if (message.tag == kResyncTag) {
      changes_.resync(table, version);
    } else if (table.is<Stopped>()) {
      changes_.changed_while_stopped(table, version);
    } else if (of != nullptr && message.published) {
      changes_.published_again(table, version);
    } else if (of != nullptr) {
      changes_.changed(table, version, {.tag = message.tag, .floor = floor});
    }
  });
}

void SchemaMessages::on(const DropMessage& message, Lsn lsn) {
  MirroredTable* table = parts_.registry.find(message.oid);
  if (table == nullptr || table->is<Dropped>() || lsn <= table->record.floor) return;
  drops_.drop(*table, lsn);
}

void SchemaMessages::on(const RewriteMessage& message, Lsn lsn) {
  MirroredTable* table = parts_.registry.find(message.oid);
  if (table == nullptr || lsn <= table->versions.back().version.lsn) return;
  if (table->is<Stopped>()) {
    // The copy that heals it has the rows as they are now, in versions that those of the log would win over.
    table->record.floor = std::max(table->record.floor, lsn);
  } else if (Followed* of = table->followed()) {
    bool plain = message.plain && of->rewrite != Rewrite::Unknown;
    of->rewrite = plain ? Rewrite::Plain : Rewrite::Unknown;
  }
}

void SchemaMessages::on(const UnwatchMessage& message, Lsn lsn) { on(DropMessage{message.oid}, lsn); }

/// The source is asked to describe the table again. Until then its rows have columns that nobody knows of; they are
/// left to the copy that follows.
void SchemaMessages::on(const LostMessage& message, Lsn lsn) {
  MirroredTable* table = parts_.registry.find(message.oid);
  if (table != nullptr) {
    Followed* of = table->followed();
    bool replayed = lsn <= table->versions.back().version.lsn || lsn <= table->record.floor;
    if (of == nullptr || replayed) return;
    of->rewrite = Rewrite::Unknown;
    if (!of->lost) {
      of->lost = LostSchema{.since = lsn, .exclusive = message.exclusive, .ticket = parts_.watermark.open()};
    }
    of->lost->exclusive = of->lost->exclusive && message.exclusive;
  }
  log::warn("the source could not record a schema change of relation {}: {}", message.oid, message.reason);
  tools_.beside.describe_lost(message.oid, table != nullptr);
}

/// Other transactions may have changed the table before this message and commit after it, so the floor stays where it
/// is, and a message that is read again has the table copied again.
void SchemaMessages::on(const RecopyMessage& message, Lsn) { copies_.ask(message); }

void SchemaMessages::on(const TypeChangedMessage& message, Lsn lsn) { tools_.type_changes.changed(message, lsn); }

void SchemaMessages::on(const RefusedMessage& message, Lsn lsn) {
  log::warn("{} is not mirrored: {}", message.table, message.reason);
  StreamCatalog::JournalEntry entry{
      .table = message.oid,
      .event = "table_refused",
      .detail = fmt::format("{} at {}: {}", message.table, to_string(lsn), message.reason)};
  tools_.beside.push(message.oid, std::make_unique<JournalTask>(parts_.catalog, std::move(entry)));
}

}  // namespace echodb
