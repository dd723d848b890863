#include "replication/source_table.h"

#include <charconv>

#include "replication/source_table.sql.h"

namespace echodb {
namespace {

/// "1,5,12"
std::vector<std::int16_t> parse_numbers(std::string_view text) {
  std::vector<std::int16_t> numbers;
  const char* end = text.data() + text.size();
  for (const char* at = text.data(); at < end; ++at) {
    std::int16_t number = 0;
    auto [stopped, fault] = std::from_chars(at, end, number);
    if (fault != std::errc{}) throw Error(ErrorCode::ProtocolViolation, "not a list of column numbers");
    numbers.push_back(number);
    at = stopped;
  }
  return numbers;
}

}  // namespace

const SourceColumn* SourceTable::find(std::int16_t attnum) const {
  auto found = columns.find(attnum);
  return found == columns.end() ? nullptr : &found->second;
}

std::optional<SourceTable> read_source_table(PostgresConnection& source, Oid table) {
  QueryResult rows = source.query(std::string(sql::source_table), {std::to_string(table)});
  if (rows.rows() == 0) return std::nullopt;
  SourceTable found{.relation = std::string(rows.text(0, 3)), .columns = {}};
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    found.columns[static_cast<std::int16_t>(rows.number(row, 0))] = {.name = std::string(rows.text(row, 1)),
                                                                     .type = std::string(rows.text(row, 2)),
                                                                     .expression = std::string(rows.text(row, 4)),
                                                                     .inputs = parse_numbers(rows.text(row, 5))};
  }
  return found;
}

}  // namespace echodb
