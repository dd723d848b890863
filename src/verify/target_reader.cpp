#include "verify/target_reader.h"

#include <fmt/format.h>

#include <set>

#include "config/limits.h"
#include "replication/target_look_up.h"
#include "verify/rows_parser.h"

namespace echodb {
namespace {

/// The check's statements give way to those of users.
constexpr const char* kPriority = "10";

}  // namespace

TargetClient::Parameters TargetReader::parameters(std::size_t statement_bytes) const {
  TargetClient::Parameters parameters{{"priority", kPriority}};
  // Another replica must not answer from before the stream's last insert.
  if (has_is_deleted_argument(table_.server)) parameters["select_sequential_consistency"] = "1";
  if (statement_bytes > 0) parameters["max_query_size"] = std::to_string(statement_bytes + kMaxQuerySizeDefault);
  if (table_.plan->has_json()) parameters["output_format_binary_write_json_as_string"] = "1";
  return parameters;
}

std::string TargetReader::key_list() const {
  std::string list;
  for (std::size_t column : table_.plan->key()) list += (list.empty() ? "" : ", ") + table_.quoted(column);
  return list;
}

/// Of a whole table it may take longer than a query does otherwise.
std::string TargetReader::ask(const std::string& sql) {
  std::string answer;
  client_.read(
      sql, [&](Bytes piece) { answer += as_text(piece); }, parameters(sql.size()));
  return answer;
}

TargetReader::Totals TargetReader::totals(const std::string& condition) {
  const std::string sql = fmt::format("SELECT count(), sum({}), max({}) FROM {} FORMAT RowBinary", table_.row_digest(),
                                      kVersionColumn, table_.live_rows(condition));
  const std::string answer = ask(sql);
  RowBinaryReader reader(as_bytes(answer));
  Totals totals;
  totals.rows = reader.read<std::uint64_t>();
  totals.digest_sum = reader.read<std::uint64_t>();
  totals.newest = Lsn{reader.read<std::uint64_t>()};
  return totals;
}

std::uint64_t TargetReader::count(const std::string& condition) {
  const std::string sql = fmt::format("SELECT count() FROM {} FORMAT RowBinary", table_.live_rows(condition));
  const std::string answer = ask(sql);
  RowBinaryReader reader(as_bytes(answer));
  return reader.read<std::uint64_t>();
}

void TargetReader::read_sql(std::span<const std::size_t> columns, Digests digests, const std::string& condition,
                            const OnRows& on_rows) {
  std::string list;
  for (std::size_t column : columns) list += table_.quoted(column) + ", ";
  if (digests == Digests::Yes) list += table_.row_digest() + ", ";
  const std::string sql =
      fmt::format("SELECT {}{} FROM {} FORMAT RowBinary", list, kVersionColumn, table_.live_rows(condition));
  RowsParser parser(table_, columns, {.digests = digests == Digests::Yes}, on_rows);
  client_.read(
      sql, [&](Bytes piece) { parser.consume(piece); }, parameters(sql.size()));
  parser.finish();
}

void TargetReader::read(std::span<const std::size_t> columns, Digests digests, const std::string& condition,
                        const OnRows& on_rows) {
  read_sql(columns, digests, condition, on_rows);
}

/// The only key as a tuple of literals; empty for types that have none.
std::string TargetReader::key_literal(const KeyRows& key) const {
  std::string literal;
  for (std::size_t part = 0; part < key.parts(); ++part) {
    const std::string& type = table_.plan->columns()[table_.plan->key()[part]].type.native_type;
    if (part > 0) literal += ", ";
    if (type == "Int16" || type == "Int32" || type == "Int64" || type == "UInt32") {
      literal += key.text(0, part);
    } else if (type == "String") {
      ByteBuffer bytes;
      key.column(part).put_row_binary(0, bytes);
      RowBinaryReader reader(bytes.bytes());
      literal += fmt::format("unhex('{}')", hex(reader.read_string()));
    } else {
      return {};
    }
  }
  return fmt::format("({})", literal);
}

std::string TargetReader::key_condition(const KeyRows& keys, std::span<const std::size_t> rows) {
  if (!can_look_up(table_.server)) {
    // An old server finds the rows by their keys' hashes, for which it has to read the key columns whole; or, without
    // our hash, by their values. Keys of other types it cannot tell apart: the caller has to.
    std::string list;
    KeyRows one(table_.plan);
    for (std::size_t row : rows) {
      one.clear();
      one.add(keys, row);
      const std::string key = table_.key_in_place ? std::to_string(one.digest(0)) : key_literal(one);
      if (key.empty()) return "1";
      list += (list.empty() ? "" : ", ") + key;
    }
    return fmt::format("{} IN ({})", table_.key_in_place ? table_.key_digest() : fmt::format("({})", key_list()), list);
  }
  std::string structure;
  for (std::size_t column : table_.plan->key()) {
    structure +=
        fmt::format("{}k{} {}", structure.empty() ? "" : ", ", column, table_.plan->columns()[column].type.native_type);
  }
  std::string values;
  for (std::size_t row : rows) values += hex(keys.row_binary(row));
  return fmt::format("({}) IN (SELECT * FROM format(RowBinary, {}, unhex('{}')))", key_list(), quote_literal(structure),
                     values);
}

void TargetReader::read_keys(std::span<const std::size_t> columns, const KeyRows& keys,
                             std::span<const std::size_t> rows, const OnRows& on_rows) {
  read_sql(columns, Digests::No, key_condition(keys, rows), on_rows);
}

void TargetReader::read_raw(const std::string& list, const std::string& condition,
                            const std::function<void(Bytes)>& consume) {
  const std::string sql = fmt::format("SELECT {} FROM {}{}{} FORMAT RowBinary", list, qualified(table_.target),
                                      condition.empty() ? "" : " WHERE ", condition);
  TargetClient::Parameters raw = parameters(sql.size());
  if (has_is_deleted_argument(table_.server)) raw["final"] = "0";
  client_.read(sql, consume, raw);
}

std::map<std::uint64_t, std::uint64_t> TargetReader::versions(KeyRows& keys, std::span<const std::size_t> rows) {
  std::map<std::uint64_t, std::uint64_t> newest;
  if (rows.empty()) return newest;
  KeyRows found(table_.plan);
  std::set<std::uint64_t> wanted;
  for (std::size_t row : rows) wanted.insert(keys.digest(row));
  std::vector<std::size_t> columns(table_.plan->key());
  const OnRows on_rows = [&](TargetRows& piece) {
    std::vector<const ColumnBuilder*> key;
    for (const auto& column : piece.columns) key.push_back(column.get());
    for (std::size_t row = 0; row < piece.rows(); ++row) {
      found.clear();
      found.add(key, row);
      const std::uint64_t digest = found.digest(0);
      if (!wanted.contains(digest)) continue;
      std::uint64_t& version = newest[digest];
      version = std::max(version, piece.versions[row]);
    }
  };
  RowsParser parser(table_, columns, {}, on_rows);
  read_raw(fmt::format("{}, {}", key_list(), kVersionColumn), key_condition(keys, rows),
           [&](Bytes piece) { parser.consume(piece); });
  parser.finish();
  return newest;
}

}  // namespace echodb
