#include "sim/workload.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace echodb::sim {
namespace {

constexpr std::size_t kTablesMax = 4;
constexpr std::size_t kNames = 5;
constexpr std::int64_t kKeys = 40;
constexpr std::size_t kStatementsMax = 4;

}  // namespace

Workload::Workload(Random& random, Source& source, Target& target, const Catalog& catalog)
    : random_(random), source_(source), target_(target), catalog_(catalog) {
  using enum Change;
  const std::vector<Change> all{Drop, Truncate, Rename, AddColumn, DropColumn, RenameColumn, Rewrite};
  std::ranges::copy_if(all, std::back_inserter(changes_), [&](Change) { return random_.below(2) == 0; });
  if (changes_.empty()) changes_ = all;
  constexpr std::array<unsigned, 3> kSwaps{0, 20, 150};
  swaps_ = kSwaps.at(random_.below(kSwaps.size()));
}

std::optional<std::string> Workload::value(Oid type) {
  constexpr std::size_t kValues = 50;
  const std::size_t number = random_.below(kValues);
  if (number == 0) return std::nullopt;
  if (type != kDate) return fmt::format("v{}", number);
  constexpr std::size_t kInfinite = 3;
  return date_bytes(number <= kInfinite ? kInfinity : static_cast<std::int32_t>(number));
}

Oid Workload::any_type() {
  constexpr unsigned kDated = 500;
  return random_.chance(kDated) ? kDate : kText;
}

SourceRow Workload::row_of(const SourceTable& table, std::int64_t key) {
  SourceRow row;
  for (const Column& column : table.schema->columns) row[column.attnum] = value(column.type.oid);
  row[1] = bigint_bytes(key);
  return row;
}

Oid Workload::any_table() {
  auto found = source_.tables().begin();
  std::advance(found, static_cast<std::ptrdiff_t>(random_.below(source_.tables().size())));
  return found->first;
}

std::string Workload::free_name() {
  while (true) {
    std::string name = fmt::format("t{}", random_.below(kNames));
    const bool taken =
        std::ranges::any_of(source_.tables(), [&](const auto& entry) { return entry.second.schema->name == name; });
    if (!taken) return name;
  }
}

void Workload::prepare() {
  const std::size_t tables = 1 + random_.below(2);
  for (std::size_t made = 0; made < tables; ++made) {
    source_.begin();
    const Oid table = create_table();
    constexpr std::size_t kRowsMax = 40;
    for (std::size_t row = random_.below(kRowsMax); row > 0; --row) {
      source_.insert(table, row_of(*source_.find(table), static_cast<std::int64_t>(row)));
    }
    source_.commit();
  }
}

void Workload::step() {
  constexpr unsigned kResync = 25;
  constexpr unsigned kStranger = 80;
  source_.settle();
  if (strangers_ && random_.chance(kStranger)) {
    strange_deed();
  } else if (random_.chance(kResync) && !source_.tables().empty()) {
    source_.describe(any_table(), std::string(kResyncTag));
  } else {
    transaction();
  }
}

void Workload::strange_deed() {
  enum { DropTable, HarmTable, Replace, BackUp, Restore, Kinds };
  // A state that has the newest bookmark that the catalog knows of may lack rows unnoticed: docs/target-safety.md.
  const std::optional<std::uint64_t> held = target_.backup_number();
  const bool can_restore = held && *held < catalog_.stream().target_number;
  constexpr unsigned kRestore = 250;
  constexpr unsigned kOneTable = 600;
  std::size_t kind = random_.below(Kinds);
  if (random_.chance(kOneTable)) kind = random_.below(2) == 0 ? DropTable : HarmTable;
  if (can_restore && random_.chance(kRestore)) kind = Restore;
  if (kind == BackUp || (kind == Restore && !can_restore)) return target_.back_up();
  if (kind == HarmTable) return harm_table();
  deed_done_ = true;
  if (kind == Restore) return target_.restore();
  if (kind == Replace) return target_.replace();
  if (target_.tables().empty()) return;
  auto victim = target_.tables().begin();
  std::advance(victim, static_cast<std::ptrdiff_t>(random_.below(target_.tables().size())));
  target_.execute("DROP TABLE IF EXISTS " + victim->first);
}

/// Of a table that nobody has looked at yet nobody can say that it was another one.
void Workload::harm_table() {
  if (!strangers_ || catalog_.notes().empty()) return;
  auto noted = catalog_.notes().begin();
  std::advance(noted, static_cast<std::ptrdiff_t>(random_.below(catalog_.notes().size())));
  const TableRecord& record = catalog_.tables().at(noted->first);
  if (noted->second.last_block < 0 || record.state != TableState::Streaming || !record.earlier_names.empty()) return;
  const std::string name = record.target_name;
  std::shared_ptr<StoredTable> stored = target_.find(name);
  if (stored == nullptr || fmt::format("uuid-{}", stored->number) != noted->second.uuid) return;
  deed_done_ = true;
  enum { MakeAnew, Empty, Drop, Kinds };
  const std::size_t kind = random_.below(Kinds);
  if (kind == MakeAnew) return target_.make_anew(name);
  target_.execute((kind == Empty ? "TRUNCATE TABLE IF EXISTS " : "DROP TABLE IF EXISTS ") + name);
}

void Workload::transaction() {
  source_.begin();
  has_ddl_ = false;
  for (std::size_t left = 1 + random_.below(kStatementsMax); left > 0; --left) statement();
  source_.commit();
  constexpr unsigned kHidden = 300;
  // A command that changes a table keeps everybody off it until it is visible.
  if (!has_ddl_ && random_.chance(kHidden)) source_.hide_last();
}

void Workload::statement() {
  constexpr unsigned kCreate = 60;
  constexpr unsigned kChange = 120;
  if (source_.tables().empty() || (source_.tables().size() < kTablesMax && random_.chance(kCreate))) {
    create_table();
    return;
  }
  if (random_.chance(swaps_) && source_.tables().size() > 1) return swap_names();
  const Oid table = any_table();
  if (random_.chance(kChange) && change_table(table)) {
    has_ddl_ = true;
    return;
  }
  write_row(table);
}

Oid Workload::create_table() {
  constexpr unsigned kKeyed = 700;
  has_ddl_ = true;
  const bool keyed = random_.chance(kKeyed);
  return source_.create_table(free_name(), keyed, any_type() == kDate);
}

void Workload::swap_names() {
  const Oid one = any_table();
  const Oid other = any_table();
  if (one == other) return;
  has_ddl_ = true;
  const std::string first = source_.find(one)->schema->name;
  const std::string second = source_.find(other)->schema->name;
  source_.rename_table(one, "swapping");
  source_.rename_table(other, first);
  source_.rename_table(one, second);
}

bool Workload::change_table(Oid table) {
  using enum Change;
  const TableSchema& schema = *source_.find(table)->schema;
  const Column& last = schema.columns.back();
  constexpr std::size_t kColumnsMax = 6;
  switch (random_.of(changes_)) {
    case Drop: source_.drop_table(table); return true;
    case Truncate: source_.truncate(table); return true;
    case Rename: source_.rename_table(table, free_name()); return true;
    case AddColumn:
      if (schema.columns.size() == kColumnsMax) return false;
      source_.add_column(table, fmt::format("c{}", source_.find(table)->last_attnum + 1), any_type());
      return true;
    case DropColumn:
      if (schema.columns.size() == 2) return false;
      source_.drop_column(table, last.attnum);
      return true;
    case RenameColumn:
      source_.rename_column(
          table, last.attnum,
          last.name.ends_with("_r") ? fmt::format("c{}", last.attnum) : fmt::format("c{}_r", last.attnum));
      return true;
    case Rewrite: rewrite(table); return true;
  }
  return false;
}

/// Often once more at once: the copy that the first one began is given up for one of fewer columns.
void Workload::rewrite(Oid table) {
  source_.rewrite(table, source_.find(table)->schema->columns.back().attnum, "!", std::nullopt);
  if (random_.below(2) == 0) return;
  write_row(table);
  const std::vector<Column>& columns = source_.find(table)->schema->columns;
  constexpr std::size_t kColumnsLeft = 2;
  const std::int16_t before_last = columns[columns.size() - 2].attnum;
  source_.rewrite(table, columns.back().attnum, "?",
                  columns.size() > kColumnsLeft ? std::optional(before_last) : std::nullopt);
}

void Workload::write_row(Oid table) {
  constexpr unsigned kInsert = 500;
  constexpr unsigned kUpdate = 600;
  constexpr unsigned kOtherKey = 100;
  std::vector<std::size_t> places = source_.live(table);
  const SourceTable& there = *source_.find(table);
  const bool keyed = !there.schema->primary_key.empty();
  auto key = static_cast<std::int64_t>(random_.below(kKeys));
  auto has_key = [&](std::size_t place) { return there.heap[place].row.at(1) == bigint_bytes(key); };
  auto taken = std::ranges::find_if(places, has_key);
  if (places.empty() || random_.chance(kInsert)) {
    if (keyed && taken != places.end()) return source_.update(table, *taken, row_of(there, key));
    return source_.insert(table, row_of(there, key));
  }
  const std::size_t place = random_.of(places);
  if (!random_.chance(kUpdate)) return source_.remove(table, place);
  SourceRow row = row_of(there, key);
  const bool new_key = random_.chance(kOtherKey) && taken == places.end();
  if (!new_key) row[1] = there.heap[place].row.at(1);
  source_.update(table, place, std::move(row));
}

void Workload::flood() {
  if (source_.tables().empty()) return;
  const Oid table = any_table();
  constexpr std::size_t kRows = 30;
  source_.begin();
  for (std::size_t row = 0; row < kRows; ++row) write_row(table);
  source_.commit();
}

}  // namespace echodb::sim
