#include "sim/target.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "base/log.h"
#include "clickhouse/table_ddl.h"
#include "columns/row_binary_reader.h"
#include "replication/bookmark.h"

namespace echodb::sim {
namespace {

std::string key_of(const StoredTable& table, const StoredRow& row) {
  std::string key;
  for (const std::string& column : table.key) {
    auto found = row.cells.find(column);
    key += found == row.cells.end() || !found->second ? "N|"
                                                      : fmt::format("{}:{}|", found->second->size(), *found->second);
  }
  return key;
}

std::optional<std::string> text_default(std::string_view declaration) {
  const std::size_t at = declaration.find(" DEFAULT ");
  if (at == std::string_view::npos) return std::nullopt;
  SqlWords words(declaration.substr(at + std::string_view(" DEFAULT ").size()));
  return words.name();
}

std::string type_of(std::string_view declaration) {
  return std::string(declaration.substr(0, declaration.find(" DEFAULT ")));
}

Error no_such_table(std::string_view name) {
  return Error(ErrorCode::TargetRejected, fmt::format("Code: 60. Table {} does not exist", name));
}

}  // namespace

void refuse_statement(std::string_view sql) {
  throw std::logic_error(fmt::format("the simulated target does not know this statement: {}", sql));
}

std::uint64_t number_in(const Cell& cell) {
  RowBinaryReader reader(as_bytes(*cell));
  return cell->size() == 1 ? reader.read<std::uint8_t>() : reader.read<std::uint64_t>();
}

std::vector<TargetRow> StoredTable::final_rows() const {
  std::map<std::string, const StoredRow*> winners;
  for (const StoredRow& row : rows) {
    const StoredRow*& winner = winners[key_of(*this, row)];
    if (winner == nullptr || row.version >= winner->version) winner = &row;
  }
  std::vector<TargetRow> result;
  for (const auto& [identity, row] : winners) {
    if (!row->deleted) result.push_back(row->cells);
  }
  return result;
}

/// As if each row came with an insert of its own.
void StoredTable::add(StoredRow row) {
  ++inserts;
  if (rows.empty()) first_insert = inserts;
  last_insert = inserts;
  rows.push_back(std::move(row));
}

std::shared_ptr<StoredTable> Target::find(const std::string& name) const {
  auto found = tables_.find(name);
  return found == tables_.end() ? nullptr : found->second;
}

std::shared_ptr<StoredTable> Target::require(const std::string& name) const {
  std::shared_ptr<StoredTable> table = find(name);
  if (table == nullptr) throw no_such_table(name);
  return table;
}

/// Nobody hears of how it ends.
void Target::run(Late late) {
  runs_late_ = true;
  try {
    late.effect();
  } catch (const Error& error) {
    log::debug("-- too late: {}", error.what());
  }
  runs_late_ = false;
}

void Target::let_late_run(unsigned of_thousand) {
  for (std::size_t index = 0; index < late_.size();) {
    if (!random_.chance(of_thousand)) {
      ++index;
      continue;
    }
    Late late = std::move(late_[index]);
    late_.erase(late_.begin() + static_cast<std::ptrdiff_t>(index));
    run(std::move(late));
  }
}

void Target::end_late(const std::string& statement) {
  auto found = std::ranges::find(late_, statement, &Late::statement);
  if (found == late_.end()) return;
  Late late = std::move(*found);
  late_.erase(found);
  if (random_.chance(500)) run(std::move(late));
}

void Target::end_late() {
  let_late_run(500);
  late_.clear();
}

std::string Target::execute(std::string_view sql) {
  log::debug("target: {}", sql);
  SqlWords words(sql);
  if (words.skip("EXISTS TABLE")) return tables_.contains(words.table()) ? "1\n" : "0\n";
  if (words.skip("CREATE TABLE IF NOT EXISTS")) return create(words);
  if (words.skip("ALTER TABLE")) return alter(words);
  if (words.skip("SELECT")) return select(words, sql);
  if (words.skip("RENAME TABLE")) {
    rename(words);
  } else if (words.skip("EXCHANGE TABLES")) {
    exchange(words);
  } else if (words.skip("DROP TABLE IF EXISTS")) {
    tables_.erase(words.table());
  } else if (words.skip("TRUNCATE TABLE IF EXISTS")) {
    if (auto table = find(words.table())) table->rows.clear();
  } else if (words.skip("INSERT INTO")) {
    insert_select(words);
  } else {
    refuse_statement(sql);
  }
  return {};
}

std::string Target::create(SqlWords words) {
  const std::string name = words.table();
  if (tables_.contains(name)) return {};
  auto table = std::make_shared<StoredTable>();
  table->number = ++tables_made_;
  words.skip("(");
  do {
    const std::string column = words.name();
    table->columns.push_back(column);
    table->types[column] = type_of(words.until_end_of_item());
  } while (words.skip(","));
  const std::string_view rest = words.rest();
  SqlWords key(rest.substr(rest.find("ORDER BY ") + std::string_view("ORDER BY ").size()));
  table->key = key.names_in_brackets();
  tables_[name] = std::move(table);
  return {};
}

std::string Target::alter(SqlWords words) {
  std::shared_ptr<StoredTable> table = require(words.table());
  if (words.skip("MODIFY COMMENT")) {
    table->comment = words.name();
  } else if (words.skip("ADD COLUMN IF NOT EXISTS")) {
    const std::string column = words.name();
    if (table->types.contains(column)) return {};
    std::string declaration = words.until_end_of_item();
    const std::size_t after = declaration.rfind(" AFTER ");
    SqlWords place(after == std::string::npos ? std::string_view() : std::string_view(declaration).substr(after + 7));
    const std::string before = after == std::string::npos ? std::string() : place.name();
    declaration.resize(after == std::string::npos ? declaration.rfind(" FIRST") : after);
    table->types[column] = type_of(declaration);
    auto at = std::ranges::find(table->columns, before);
    table->columns.insert(at == table->columns.end() ? table->columns.begin() : at + 1, column);
    if (auto value = text_default(declaration)) {
      for (StoredRow& row : table->rows) row.cells[column] = value;
    }
  } else if (words.skip("DROP COLUMN IF EXISTS")) {
    const std::string column = words.name();
    std::erase(table->columns, column);
    table->types.erase(column);
    for (StoredRow& row : table->rows) row.cells.erase(column);
  } else if (words.skip("RENAME COLUMN IF EXISTS")) {
    const std::string from = words.name();
    words.skip("TO");
    const std::string to = words.name();
    if (!table->types.contains(from)) return {};
    if (table->types.contains(to)) throw Error(ErrorCode::TargetRejected, "Code: 15. There is such a column already");
    std::ranges::replace(table->columns, from, to);
    table->types[to] = table->types.extract(from).mapped();
    for (StoredRow& row : table->rows) {
      if (auto cell = row.cells.extract(from)) row.cells[to] = cell.mapped();
    }
  } else if (words.skip("MODIFY COLUMN")) {
    const std::string column = words.name();
    table->types[column] = type_of(words.until_end_of_item());
  } else {
    refuse_statement(words.rest());
  }
  return {};
}

std::string Target::select(SqlWords words, std::string_view sql) {
  if (words.skip("name, type FROM system.columns WHERE database =")) {
    words.name();
    words.skip("AND table =");
    return column_types(words.name());
  }
  if (std::optional<std::string> answer = select_system(words)) return *std::move(answer);
  const bool counts = words.skip("count() FROM system.columns");
  if (!counts && !words.skip("comment FROM system.tables")) return bag_rows(sql);
  words.skip("WHERE database =");
  words.name();
  words.skip(counts ? "AND table =" : "AND name =");
  std::shared_ptr<StoredTable> table = find(words.name());
  if (!counts) return table == nullptr ? std::string() : table->comment + "\n";
  words.skip("AND name =");
  return table != nullptr && table->types.contains(words.name()) ? "1\n" : "0\n";
}

/// As FORMAT RowBinary has them.
std::string Target::column_types(const std::string& name) const {
  ByteBuffer answer;
  std::shared_ptr<StoredTable> table = find(name);
  if (table == nullptr) return {};
  for (const auto& [column, type] : table->types) {
    answer.append_string(column);
    answer.append_string(type);
  }
  return std::string(answer.text());
}

void Target::rename(SqlWords words) {
  std::vector<std::pair<std::string, std::string>> names;
  do {
    std::string from = words.table();
    words.skip("TO");
    names.emplace_back(from, words.table());
  } while (words.skip(","));
  auto renamed = tables_;
  for (const auto& [from, to] : names) {
    if (!renamed.contains(from)) throw no_such_table(from);
    if (renamed.contains(to)) throw Error(ErrorCode::TargetRejected, "Code: 57. Table exists already");
    renamed[to] = renamed.extract(from).mapped();
  }
  tables_ = std::move(renamed);
}

void Target::exchange(SqlWords words) {
  const std::string one = words.table();
  words.skip("AND");
  const std::string other = words.table();
  require(one);
  require(other);
  std::swap(tables_[one], tables_[other]);
}

/// INSERT INTO … (…) SELECT … FROM … FINAL WHERE … = 0
void Target::insert_select(SqlWords words) {
  const std::string name = words.table();
  std::shared_ptr<StoredTable> into = require(name);
  if (name == kBookmarkTable) return insert_bookmark(*into, words);
  const std::vector<std::string> columns = words.names_in_brackets();
  words.skip("SELECT");
  std::vector<std::string> from;
  do from.push_back(words.name());
  while (words.skip(","));
  words.skip("FROM");
  std::shared_ptr<StoredTable> source = require(words.table());
  for (const TargetRow& row : source->final_rows()) {
    StoredRow copied;
    for (std::size_t index = 0; index < columns.size(); ++index) {
      auto cell = row.find(from[index]);
      if (cell != row.end()) copied.cells[columns[index]] = cell->second;
    }
    copied.version = number_in(copied.cells.at(std::string(kVersionColumn)));
    into->add(std::move(copied));
  }
}

void Target::note_order(const StoredTable& table, const StoredRow& row) {
  if (row.version == 0 || !in_order_ || !order_fault_.empty()) return;
  std::uint64_t& last = last_versions_[{table.number, key_of(table, row)}];
  if (row.version < last) {
    order_fault_ = fmt::format("a row of version {} came after one of version {}", row.version, last);
  }
  last = std::max(last, row.version);
}

/// A statement that runs later than its sender believes may find anything.
void Target::note_misfit(const StoredTable& table, const std::string& column) {
  if (runs_late_ || !in_order_ || !misfit_.empty()) return;
  auto named = std::ranges::find_if(tables_, [&](const auto& entry) { return entry.second.get() == &table; });
  misfit_ = fmt::format("rows came with {}, which {} does not have", column,
                        named == tables_.end() ? "a dropped table" : named->first);
}

}  // namespace echodb::sim
