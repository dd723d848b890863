#include "sim/source.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/assert.h"

namespace echodb::sim {
namespace {

constexpr std::uint64_t kBytesPerChange = 16;

ColumnType type_of(Oid type) {
  return {.oid = type, .declared = type == kBigint ? "bigint" : type == kDate ? "date" : "text"};
}

Column column(std::int16_t attnum, const std::string& name, Oid type, bool not_null) {
  Column made{.attnum = attnum, .name = name, .not_null = not_null};
  made.type = type_of(type);
  return made;
}

/// A number as the wire has it, its first byte first.
template <typename Number>
std::string big_endian(Number value) {
  std::string bytes;
  constexpr int kBits = 8;
  for (int shift = kBits * static_cast<int>(sizeof value) - kBits; shift >= 0; shift -= kBits) {
    bytes += static_cast<char>(value >> shift);
  }
  return bytes;
}

}  // namespace

std::string bigint_bytes(std::int64_t value) { return big_endian(value); }

std::string date_bytes(std::int32_t days) { return big_endian(days); }

std::string date_text(const std::string& bytes) {
  const auto days = load_big_endian<std::int32_t>(as_bytes(bytes).data());
  if (days == kInfinity) return "infinity";
  constexpr std::chrono::sys_days kFirst = std::chrono::year{2000} / 1 / 1;
  return fmt::format("{:%Y-%m-%d}", kFirst + std::chrono::days{days});
}

TupleValue as_tuple_value(const std::optional<std::string>& cell) {
  if (!cell) return {};
  return {.kind = TupleValue::Kind::Binary, .value = as_bytes(*cell)};
}

std::string Snapshot::text() const {
  std::string list;
  for (Xid xid : in_progress) list += fmt::format("{}{}", list.empty() ? "" : ",", xid);
  return fmt::format("{}:{}:{}", in_progress.empty() ? next : *in_progress.begin(), next, list);
}

Source::Source() { confirmed = end_of_log(); }

SourceTable* Source::find(Oid table) {
  auto found = tables_.find(table);
  return found == tables_.end() ? nullptr : &found->second;
}

std::vector<std::size_t> Source::live(Oid table) const {
  std::vector<std::size_t> places;
  const std::vector<HeapPlace>& heap = tables_.at(table).heap;
  for (std::size_t place = 0; place < heap.size(); ++place) {
    if (heap[place].died == 0) places.push_back(place);
  }
  return places;
}

void Source::begin() {
  ECHO_ASSERT(!open_);
  open_.emplace(LoggedTransaction{.xid = next_xid_++});
}

void Source::commit() {
  open_->commit = Lsn{lsn_ += kBytesPerChange};
  open_->end = Lsn{lsn_ += kBytesPerChange};
  log_.push_back(std::move(*open_));
  open_.reset();
}

LoggedChange& Source::write(LoggedChange::Kind kind, Oid table) {
  LoggedChange& change = open_->changes.emplace_back();
  change.lsn = Lsn{lsn_ += kBytesPerChange};
  change.kind = kind;
  change.table = table;
  if (auto found = tables_.find(table); found != tables_.end()) change.schema = found->second.schema;
  return change;
}

void Source::say(DdlMessage message) { write(LoggedChange::Kind::Message, 0).message = std::move(message); }

Oid Source::create_table(const std::string& name, bool keyed, bool dated) {
  const Oid oid = next_oid_++;
  TableSchema schema{.oid = oid, .schema = "public", .name = name, .relfilenode = next_oid_++};
  schema.replica_identity = keyed ? ReplicaIdentity::Default : ReplicaIdentity::Full;
  schema.columns = {column(1, "id", kBigint, keyed), column(2, "a", kText, false),
                    column(3, "b", dated ? kDate : kText, false)};
  if (keyed) schema.primary_key = {1};
  tables_[oid].schema = std::make_shared<const TableSchema>(schema);
  say(TableMessage{.tag = "CREATE TABLE", .published = true, .schema = schema});
  return oid;
}

void Source::insert(Oid table, SourceRow row) {
  write(LoggedChange::Kind::Insert, table).row = row;
  tables_.at(table).heap.push_back({.born = open_->xid, .row = std::move(row)});
}

void Source::update(Oid table, std::size_t place, SourceRow row) {
  HeapPlace& before = tables_.at(table).heap.at(place);
  LoggedChange& change = write(LoggedChange::Kind::Update, table);
  const bool full = change.schema->replica_identity == ReplicaIdentity::Full;
  if (full || before.row.at(1) != row.at(1)) change.old = before.row;
  change.row = row;
  before.died = open_->xid;
  tables_.at(table).heap.push_back({.born = open_->xid, .row = std::move(row)});
}

void Source::remove(Oid table, std::size_t place) {
  HeapPlace& before = tables_.at(table).heap.at(place);
  write(LoggedChange::Kind::Delete, table).old = before.row;
  before.died = open_->xid;
}

void Source::truncate(Oid table) {
  write(LoggedChange::Kind::Truncate, table);
  TableSchema schema = schema_of(table);
  schema.relfilenode = next_oid_++;
  tables_.at(table).schema = std::make_shared<const TableSchema>(schema);
  tables_.at(table).heap.clear();
}

void Source::drop_table(Oid table) {
  say(DropMessage{.oid = table});
  tables_.erase(table);
}

void Source::alter(Oid table, const std::string& tag, const TableSchema& schema) {
  tables_.at(table).schema = std::make_shared<const TableSchema>(schema);
  say(TableMessage{.tag = tag, .published = false, .schema = schema});
}

void Source::rename_table(Oid table, const std::string& name) {
  TableSchema schema = schema_of(table);
  schema.name = name;
  alter(table, "ALTER TABLE", schema);
}

void Source::add_column(Oid table, const std::string& name, Oid type) {
  TableSchema schema = schema_of(table);
  const std::int16_t attnum = ++tables_.at(table).last_attnum;
  schema.columns.push_back(column(attnum, name, type, false));
  for (HeapPlace& place : tables_.at(table).heap) place.row[attnum] = std::nullopt;
  alter(table, "ALTER TABLE", schema);
}

void Source::drop_column(Oid table, std::int16_t attnum) {
  TableSchema schema = schema_of(table);
  std::erase_if(schema.columns, [&](const Column& column) { return column.attnum == attnum; });
  alter(table, "ALTER TABLE", schema);
}

void Source::rename_column(Oid table, std::int16_t attnum, const std::string& name) {
  TableSchema schema = schema_of(table);
  for (Column& column : schema.columns) {
    if (column.attnum == attnum) column.name = name;
  }
  alter(table, "ALTER TABLE", schema);
}

void Source::rewrite(Oid table, std::int16_t attnum, const std::string& value, std::optional<std::int16_t> dropped) {
  say(RewriteMessage{.oid = table, .plain = false});
  TableSchema schema = schema_of(table);
  std::erase_if(schema.columns, [&](const Column& column) { return column.attnum == dropped; });
  schema.relfilenode = next_oid_++;
  auto rewritten = std::ranges::find(schema.columns, attnum, &Column::attnum);
  const bool dated = std::exchange(rewritten->type, type_of(kText)).oid == kDate;
  std::vector<HeapPlace> heap;
  for (const HeapPlace& place : tables_.at(table).heap) {
    if (place.died != 0) continue;
    heap.push_back(place);
    std::optional<std::string>& cell = heap.back().row[attnum];
    if (cell && dated) cell = date_text(*cell);
    cell = cell.value_or("") + value;
  }
  tables_.at(table).heap = std::move(heap);
  alter(table, "ALTER TABLE", schema);
}

void Source::describe(Oid table, const std::string& tag) {
  begin();
  if (tables_.contains(table)) {
    say(TableMessage{.tag = tag, .published = false, .schema = schema_of(table)});
  } else {
    say(DropMessage{.oid = table});
  }
  commit();
}

}  // namespace echodb::sim
