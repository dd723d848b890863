#include "replication/target_look_up.h"

#include <fmt/format.h>

#include "base/log.h"
#include "clickhouse/quoting.h"
#include "columns/make_column.h"
#include "columns/row_binary_reader.h"

namespace echodb {
namespace {

/// The table function format(), which takes any bytes as rows.
constexpr int kFormatFunctionSinceMajor = 22;
constexpr int kFormatFunctionSinceMinor = 8;
constexpr int kAccessDenied = 497;

std::string look_up_sql(const TablePlan& plan, const TargetTable& table, std::span<const std::string> keys,
                        std::span<const std::size_t> columns) {
  std::string key_list;
  std::string structure;
  std::string wanted;
  for (std::size_t column : plan.key()) {
    const PlannedColumn& planned = plan.columns()[column];
    const char* separator = key_list.empty() ? "" : ", ";
    key_list += separator + quote_identifier(planned.target_name);
    structure += fmt::format("{}k{} {}", separator, column, planned.type.native_type);
  }
  for (std::size_t column : columns) wanted += ", " + quote_identifier(plan.columns()[column].target_name);
  std::string rows;
  for (const std::string& key : keys) rows += hex(key);
  return fmt::format(
      "SELECT {0}{1} FROM {2} FINAL WHERE ({0}) IN (SELECT * FROM format(RowBinary, {3}, unhex('{4}'))) "
      "FORMAT RowBinaryWithNamesAndTypes",
      key_list, wanted, qualified(table), quote_literal(structure), rows);
}

/// Builders for the answer's columns, of the types that the target has; empty when they are not the plan's. A column
/// may hold NULL on one side only: SET NOT NULL does not touch the target, and the log may be behind.
std::vector<std::unique_ptr<ColumnBuilder>> make_columns(RowBinaryReader& reader, const TablePlan& plan,
                                                         std::span<const std::size_t> columns,
                                                         const ServerVersion& server) {
  std::vector<std::unique_ptr<ColumnBuilder>> made;
  if (reader.read_var_uint() != columns.size()) {
    throw Error(ErrorCode::ProtocolViolation, "ClickHouse answered with another number of columns");
  }
  for (std::size_t name = 0; name < columns.size(); ++name) reader.read_string();
  bool as_planned = true;
  for (std::size_t column : columns) {
    const std::string_view held = reader.read_string();
    const PlannedColumn& planned = plan.columns()[column];
    TargetType type = planned.type;
    if (held != type.column_type) {
      type =
          target_type(plan.schema().find_column(planned.attnum)->type, {.server = server, .nullable = !type.nullable});
    }
    as_planned = as_planned && held == type.column_type;
    made.push_back(make_column(type));
  }
  if (!as_planned) made.clear();
  return made;
}

/// Whether the plan's columns can hold the row. A NULL where the plan has none came with a later change, when the log
/// is read again.
bool fits(const FoundRows& found, std::size_t row, const TablePlan& plan, std::span<const std::size_t> columns) {
  for (std::size_t index = 0; index < columns.size(); ++index) {
    if (found.columns[index]->is_null(row) && !plan.columns()[columns[index]].type.nullable) return false;
  }
  return true;
}

FoundRows read_answer(std::string_view answer, const TablePlan& plan, std::span<const std::size_t> columns,
                      const ServerVersion& server) {
  FoundRows found;
  if (answer.empty()) return found;
  std::vector<std::size_t> all(plan.key());
  all.insert(all.end(), columns.begin(), columns.end());
  RowBinaryReader reader(as_bytes(answer));
  auto made = make_columns(reader, plan, all, server);
  if (made.empty()) {
    log::debug("{}: the target's columns are not the plan's, looking up values in the source",
               plan.schema().qualified_name());
    return found;
  }
  const auto values = made.begin() + static_cast<std::ptrdiff_t>(plan.key().size());
  found.columns.assign(std::make_move_iterator(values), std::make_move_iterator(made.end()));
  made.erase(values, made.end());
  for (std::size_t row = 0; !reader.at_end(); ++row) {
    ByteBuffer key;
    for (auto& column : made) {
      column->append_row_binary(reader);
      column->put_row_binary(row, key);
    }
    for (auto& column : found.columns) column->append_row_binary(reader);
    if (fits(found, row, plan, columns)) found.rows[std::string(key.text())] = row;
  }
  return found;
}

}  // namespace

std::string hex(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (std::byte byte : as_bytes(bytes)) {
    text += kDigits[std::to_integer<std::size_t>(byte) >> 4];
    text += kDigits[std::to_integer<std::size_t>(byte) & 15];
  }
  return text;
}

std::string hex(const RowHash& hash) { return hex(as_text(std::as_bytes(std::span(&hash, 1)))); }

bool can_look_up(const ServerVersion& server) {
  return has_is_deleted_argument(server) && server.at_least(kFormatFunctionSinceMajor, kFormatFunctionSinceMinor);
}

FoundRows look_up_in_target(const TablePlan& plan, const InsertTask::Target& target, TargetClient& clickhouse,
                            std::span<const std::string> keys, std::span<const std::size_t> columns) {
  const std::string sql = look_up_sql(plan, target.table, keys, columns);
  // Another replica must not answer from before our last insert. The keys make the statement long.
  TargetClient::Parameters parameters{{"select_sequential_consistency", "1"},
                                      {"max_query_size", std::to_string(sql.size() + kMaxQuerySizeDefault)}};
  if (plan.has_json()) parameters["output_format_binary_write_json_as_string"] = "1";
  try {
    return read_answer(clickhouse.query(sql, parameters), plan, columns, target.server);
  } catch (const Error& error) {
    // format() needs a privilege that inserting does not. The source answers as well, only slower.
    if (error.peer_code() != kAccessDenied) throw;
    log::debug("{}: {}", plan.schema().qualified_name(), error.what());
    return {};
  }
}

}  // namespace echodb
