#include "replication/source_table.h"

#include <fmt/format.h>

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

GivenAs parse_given_as(std::string_view word) {
  if (word == "value") return GivenAs::Value;
  return word == "array" ? GivenAs::Array : GivenAs::Text;
}

}  // namespace

QueryParameter SourceColumn::parameter(std::string array) const {
  constexpr Oid kTextArray = 1009;
  QueryParameter parameter(std::move(array));
  parameter.type = given_as == GivenAs::Value ? array_type_oid : kTextArray;
  return parameter;
}

std::string SourceColumn::literal(const std::string& array) const {
  return fmt::format("{}::{}[]", quote_sql_literal(array), given_as == GivenAs::Value ? base_type : "text");
}

SourceColumn SourceColumn::for_literals() const {
  SourceColumn column = *this;
  if (!has_catalog_type) column.given_as = GivenAs::Text;
  return column;
}

std::string SourceColumn::value(const std::string& given) const {
  return given_as == GivenAs::Array ? fmt::format("{}::{}", given, base_type) : given;
}

std::string SourceColumn::equals(const std::string& given) const {
  if (given_as == GivenAs::Text) return fmt::format("concat(here.{}) OPERATOR(pg_catalog.=) {}", name, given);
  return fmt::format("here.{} OPERATOR(pg_catalog.=) {}", name, value(given));
}

void lock_relation(PostgresConnection& source, Oid relation, const std::string& name) {
  const std::string only = "ONLY ";
  const std::string plain = name.starts_with(only) ? name.substr(only.size()) : name;
  source.execute(fmt::format("LOCK TABLE ONLY {} IN ACCESS SHARE MODE", plain));
  QueryResult same =
      source.query("SELECT coalesce(to_regclass($1) = $2::oid, false)", {plain, std::to_string(relation)});
  if (!same.boolean(0, 0)) throw Error(ErrorCode::SchemaMismatch, "the table was renamed as it was to be read");
}

void lock_source_table(PostgresConnection& source, Oid table, const SourceTable& known) {
  lock_relation(source, table, known.relation);
  if (read_source_table(source, table) != known) {
    throw Error(ErrorCode::SchemaMismatch, "the table was altered as it was to be read");
  }
}

const SourceColumn* SourceTable::find(std::int16_t attnum) const {
  auto found = columns.find(attnum);
  return found == columns.end() ? nullptr : &found->second;
}

std::optional<SourceTable> read_source_table(PostgresConnection& source, Oid table) {
  QueryResult rows = source.query(std::string(sql::source_table), {std::to_string(table)});
  if (rows.rows() == 0) return std::nullopt;
  SourceTable found{.relation = std::string(rows.text(0, 3)), .columns = {}};
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    found.columns[static_cast<std::int16_t>(rows.number(row, 0))] = {
        .name = std::string(rows.text(row, 1)),
        .type = std::string(rows.text(row, 2)),
        .expression = std::string(rows.text(row, 4)),
        .inputs = parse_numbers(rows.text(row, 5)),
        .computable = rows.boolean(row, 6),
        .given_as = parse_given_as(rows.text(row, 7)),
        .base_type = std::string(rows.text(row, 8)),
        .has_catalog_type = rows.boolean(row, 9),
        .array_type_oid = static_cast<Oid>(rows.number(row, 10))};
  }
  return found;
}

}  // namespace echodb
