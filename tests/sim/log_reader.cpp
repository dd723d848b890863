#include "sim/log_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "base/bytes.h"
#include "base/log.h"

namespace echodb::sim {
namespace {

std::vector<TupleValue> tuple(const TableSchema& schema, const SourceRow& row) {
  std::vector<TupleValue> values;
  for (const Column& column : schema.columns) values.push_back(as_tuple_value(row.at(column.attnum)));
  return values;
}

/// What DELETE and UPDATE tell of the row before.
OldRow kind_of_old(const TableSchema& schema) {
  return schema.replica_identity == ReplicaIdentity::Full ? OldRow::Full : OldRow::Key;
}

std::vector<TupleValue> old_tuple(const TableSchema& schema, const SourceRow& row) {
  std::vector<TupleValue> values = tuple(schema, row);
  if (kind_of_old(schema) == OldRow::Full) return values;
  for (std::size_t index = 0; index < values.size(); ++index) {
    if (std::ranges::find(schema.primary_key, schema.columns[index].attnum) == schema.primary_key.end()) {
      values[index] = {};
    }
  }
  return values;
}

std::string in_words(const LoggedChange& change) {
  using Kind = LoggedChange::Kind;
  if (change.kind == Kind::Message) {
    const auto* told = std::get_if<TableMessage>(&*change.message);
    return told == nullptr ? "a message" : fmt::format("{} {} is {}", told->tag, told->schema.oid, told->schema.name);
  }
  if (change.kind == Kind::Truncate) return fmt::format("TRUNCATE {}", change.table);
  constexpr std::array<std::string_view, 3> kWords{"INSERT", "UPDATE", "DELETE"};
  std::string text = fmt::format("{} {}", kWords.at(static_cast<std::size_t>(change.kind)), change.schema->oid);
  for (const auto& [attnum, value] : change.old.value_or(SourceRow()))
    text += fmt::format(" -{:?}", value.value_or("NULL"));
  for (const auto& [attnum, value] : change.row) text += fmt::format(" {:?}", value.value_or("NULL"));
  return text;
}

}  // namespace

LogReader::LogReader(const Source& source, Lsn start) : source_(source) {
  while (transaction_ < source.log().size() && source.log()[transaction_].end <= start) ++transaction_;
}

bool LogReader::next(Applier& applier) {
  if (transaction_ == source_.log().size()) {
    applier.nothing_before(source_.end_of_log());
    return false;
  }
  const LoggedTransaction& transaction = source_.log()[transaction_];
  if (!begun_) {
    begun_ = true;
    log::debug("-- log: {} begins", transaction.xid);
    applier.on_begin({.final_lsn = transaction.commit, .commit_time = {}, .xid = transaction.xid});
  } else if (change_ < transaction.changes.size()) {
    tell(applier, transaction.changes[change_++]);
  } else {
    log::debug("-- log {}: {} is committed", to_string(transaction.commit), transaction.xid);
    applier.on_commit({.commit_lsn = transaction.commit, .end_lsn = transaction.end, .commit_time = {}});
    begun_ = false;
    change_ = 0;
    ++transaction_;
  }
  return true;
}

/// Before the first change of a relation, and before the first after its schema changed.
void LogReader::tell_relation(Applier& applier, const LoggedChange& change) {
  if (std::exchange(relations_[change.schema->oid], change.schema) == change.schema) return;
  std::vector<RelationColumn> columns;
  for (const Column& column : change.schema->columns) {
    columns.push_back({.is_key = false, .name = column.name, .type_oid = column.type.oid});
  }
  applier.on_relation({.oid = change.schema->oid,
                       .schema = change.schema->schema,
                       .name = change.schema->name,
                       .replica_identity = change.schema->replica_identity,
                       .columns = columns});
}

void LogReader::tell(Applier& applier, const LoggedChange& change) {
  using Kind = LoggedChange::Kind;
  constexpr std::size_t kBytes = 64;
  applier.begin_change(change.lsn, kBytes);
  if (spdlog::should_log(spdlog::level::debug)) log::debug("-- log {}: {}", to_string(change.lsn), in_words(change));
  if (change.kind == Kind::Message) return applier.apply(*change.message, change.lsn);
  if (change.kind == Kind::Truncate) return applier.on_truncate({.relations = std::span(&change.table, 1)});
  tell_relation(applier, change);
  const TableSchema& schema = *change.schema;
  const std::vector<TupleValue> old = change.old ? old_tuple(schema, *change.old) : std::vector<TupleValue>();
  if (change.kind == Kind::Delete) {
    return applier.on_delete({.relation = schema.oid, .old_kind = kind_of_old(schema), .old = old});
  }
  const std::vector<TupleValue> row = tuple(schema, change.row);
  if (change.kind == Kind::Insert) return applier.on_insert({.relation = schema.oid, .row = row});
  applier.on_update(
      {.relation = schema.oid, .old_kind = change.old ? kind_of_old(schema) : OldRow::None, .old = old, .row = row});
}

}  // namespace echodb::sim
