// The simulated target's half that takes rows, and its client.

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "base/log.h"
#include "clickhouse/table_ddl.h"
#include "columns/row_binary_reader.h"
#include "sim/target.h"

namespace echodb::sim {
namespace {

std::size_t width_of(std::string_view type) {
  static const std::map<std::string_view, std::size_t> widths{
      {"Int64", 8}, {"UInt64", 8}, {"UInt8", 1}, {"Date32", 4}, {"FixedString(16)", 16}};
  auto found = widths.find(type);
  if (found == widths.end()) throw std::logic_error(fmt::format("the simulated target has no type {}", type));
  return found->second;
}

std::vector<Cell> read_column(RowBinaryReader& reader, std::string_view type, std::size_t rows) {
  constexpr std::string_view kNullable = "Nullable(";
  const bool nullable = type.starts_with(kNullable);
  if (nullable) type = type.substr(kNullable.size(), type.size() - kNullable.size() - 1);
  std::string nulls(rows, '\0');
  if (nullable) nulls = as_text(reader.read_bytes(rows));
  std::vector<Cell> cells;
  for (std::size_t row = 0; row < rows; ++row) {
    std::string value(type == "String" ? reader.read_string() : as_text(reader.read_bytes(width_of(type))));
    cells.push_back(nulls[row] != '\0' ? Cell() : Cell(std::move(value)));
  }
  return cells;
}

const Cell& cell_of(const StoredRow& row, std::string_view column) {
  auto cell = row.cells.find(std::string(column));
  if (cell == row.cells.end()) {
    throw Error(ErrorCode::TargetRejected, fmt::format("Code: 47. Unknown identifier {}", column));
  }
  return cell->second;
}

std::string joined(std::span<const Bytes> parts) {
  std::string all;
  for (Bytes part : parts) all += as_text(part);
  return all;
}

struct InsertHead {
  std::string table;
  std::vector<std::string> columns;
};

InsertHead parse_insert(std::string_view sql) {
  SqlWords words(sql);
  words.skip("INSERT INTO");
  InsertHead head{.table = words.table(), .columns = {}};
  head.columns = words.names_in_brackets();
  return head;
}

Error broken_connection() { return Error(ErrorCode::TargetUnreachable, "the connection to ClickHouse broke"); }

}  // namespace

void Target::insert(StoredTable& table, const std::vector<std::string>& columns, Bytes native) {
  std::vector<StoredRow> added;
  for (RowBinaryReader reader(native); !reader.at_end();) {
    const std::uint64_t width = reader.read_var_uint();
    const std::uint64_t rows = reader.read_var_uint();
    std::vector<StoredRow> block(rows);
    for (std::uint64_t index = 0; index < width; ++index) {
      const std::string name(reader.read_string());
      const std::string type(reader.read_string());
      if (std::ranges::find(columns, name) == columns.end() || !table.types.contains(name)) {
        note_misfit(table, name);
        throw Error(ErrorCode::TargetRejected, fmt::format("Code: 16. No such column {} in table", name));
      }
      std::vector<Cell> cells = read_column(reader, type, rows);
      for (std::uint64_t row = 0; row < rows; ++row) block[row].cells[name] = std::move(cells[row]);
    }
    std::ranges::move(block, std::back_inserter(added));
  }
  auto named = std::ranges::find_if(tables_, [&](const auto& entry) { return entry.second.get() == &table; });
  const std::string name = named == tables_.end() ? "a dropped table" : named->first;
  log::debug("target: {} rows into {}", added.size(), name);
  for (StoredRow& row : added) {
    row.version = number_in(cell_of(row, kVersionColumn));
    row.deleted = number_in(cell_of(row, kIsDeletedColumn)) != 0;
    note_order(table, row);
    table.add(std::move(row));
  }
}

/// The look-up of replication/bag_victims.cpp: each row of these contents, with its last change.
std::string Target::bag_rows(std::string_view sql) {
  constexpr std::string_view kHash = "unhex('";
  const std::size_t from = sql.find(" FROM ");
  const std::size_t where = sql.find(" WHERE ");
  if (!sql.ends_with("FORMAT RowBinary") || from == std::string_view::npos || where == std::string_view::npos) {
    refuse_statement(sql);
  }
  std::set<std::string> hashes;
  for (std::size_t at = sql.find(kHash); at != std::string_view::npos; at = sql.find(kHash, at + 1)) {
    const std::string_view digits = sql.substr(at + kHash.size(), 32);
    std::string bytes;
    for (std::size_t digit = 0; digit < digits.size(); digit += 2) {
      bytes += static_cast<char>(std::stoi(std::string(digits.substr(digit, 2)), nullptr, 16));
    }
    hashes.insert(bytes);
  }
  std::shared_ptr<StoredTable> table = require(SqlWords(sql.substr(from + 6, where - from - 6)).table());
  using Last = std::tuple<std::uint64_t, std::uint64_t, bool>;
  std::map<std::tuple<std::string, std::uint64_t, std::uint64_t>, Last> found;
  for (const StoredRow& row : table->rows) {
    const std::string& hash = *cell_of(row, kRowHashColumn);
    if (!hashes.contains(hash)) continue;
    Last& last = found[{hash, number_in(cell_of(row, kLsnColumn)), number_in(cell_of(row, kOrdinalColumn))}];
    last = std::max(last, Last{row.version, number_in(cell_of(row, kChangeColumn)), row.deleted});
  }
  ByteBuffer answer;
  for (const auto& [identity, last] : found) {
    answer.append(std::get<0>(identity));
    answer.append_little_endian(std::get<1>(identity));
    answer.append_little_endian(std::get<2>(identity));
    answer.append_little_endian(static_cast<std::uint8_t>(std::get<2>(last)));
    answer.append_little_endian(std::get<0>(last));
    answer.append_little_endian(std::get<1>(last));
  }
  return std::string(answer.text());
}

/// What becomes of a statement: it is done now, or later than its sender believes, or not; and its sender hears of
/// that, or does not.
std::string SimTargetClient::carry_out(std::function<std::string()> effect) {
  const Faults::Fate fate = faults_.next();
  const std::string id = target_.next_statement();
  if (fate == Faults::Fate::Refused) throw Error(ErrorCode::TargetRejected, "Code: 999. Refused by the simulation");
  if (fate == Faults::Fate::Busy) throw Error(ErrorCode::TargetOverloaded, "Code: 252. Busy by the simulation");
  if (fate == Faults::Fate::NeverArrived) throw broken_connection();
  std::string answer;
  if (fate == Faults::Fate::Late) {
    target_.run_late(id, [effect = std::move(effect)] { effect(); });
  } else {
    answer = effect();
  }
  faults_.answer();
  if (fate != Faults::Fate::Done) throw broken_connection().with(kStatementInDoubt, id);
  return answer;
}

std::string SimTargetClient::query(std::string_view sql, const Parameters&) {
  return carry_out([&target = target_, statement = std::string(sql)] { return target.execute(statement); });
}

std::string SimTargetClient::query_once(std::string_view sql) { return query(sql, {}); }

void SimTargetClient::insert(std::string_view insert, const Rows& rows, const Parameters&) {
  const InsertHead head = parse_insert(insert);
  carry_out([&target = target_, head, native = joined(rows.data)] {
    target.insert(*target.require(head.table), head.columns, as_bytes(native));
    return std::string();
  });
}

/// It has begun when its first rows come. What was sent until `next` failed may have been stored.
void SimTargetClient::insert_while(std::string_view insert, const RowsInTheMaking& rows, const Parameters&) {
  const InsertHead head = parse_insert(insert);
  std::shared_ptr<StoredTable> table = target_.require(head.table);
  std::string native;
  for (Bytes part = rows.next(); !part.empty(); part = rows.next()) {
    native += as_text(part);
    faults_.answer();
  }
  carry_out([&target = target_, table, columns = head.columns, native = std::move(native)] {
    target.insert(*table, columns, as_bytes(native));
    return std::string();
  });
}

void SimTargetClient::end_statement(std::string_view id) {
  const Faults::Fate fate = faults_.next();
  if (fate == Faults::Fate::Busy || fate == Faults::Fate::NeverArrived) throw broken_connection();
  target_.end_late(std::string(id));
  faults_.answer();
  if (fate == Faults::Fate::AnswerLost) throw broken_connection();
}

}  // namespace echodb::sim
