#include "replication/source_look_up.h"

#include <fmt/format.h>

#include "base/log.h"
#include "columns/array_text.h"
#include "columns/make_column.h"
#include "replication/source_table.h"

namespace echodb {
namespace {

/// A table may be altered between the look into the catalog and the statement that was made from it.
constexpr int kAttemptsMax = 3;

bool altered_meanwhile(const Error& error) {
  if (error.code() == ErrorCode::SchemaMismatch) return true;
  const std::string& sqlstate = error.sqlstate();
  return sqlstate == "42P01" /* undefined_table */ || sqlstate == "42703" /* undefined_column */ ||
         sqlstate == "3F000" /* invalid_schema_name */;
}

/// Keys go as their text, which every type reads exactly, and become values of the key's base type, so that the key's
/// index serves; source_table.h says of which they do not. `gone` columns of the list are NULL.
std::string look_up_sql(const TablePlan& plan, const SourceTable& table, std::span<const std::size_t> columns) {
  std::string parameters = "$1::int[]";
  std::string names = "place";
  std::string condition;
  for (std::size_t index = 0; index < plan.key().size(); ++index) {
    const SourceColumn* key = table.find(plan.columns()[plan.key()[index]].attnum);
    if (key == nullptr) {
      throw Error(ErrorCode::SchemaMismatch, "a key column was dropped while the changes before that were waiting",
                  "the table has to be copied again");
    }
    parameters += fmt::format(", ${}", index + 2);
    names += fmt::format(", k{}", index);
    condition += (index == 0 ? "" : " AND ") + key->equals(fmt::format("wanted.k{}", index));
  }
  std::string list = "wanted.place";
  for (std::size_t column : columns) {
    const SourceColumn* found = table.find(plan.columns()[column].attnum);
    list += found == nullptr ? ", NULL" : ", here." + found->name;
  }
  return fmt::format("SELECT {} FROM unnest({}) AS wanted({}) JOIN {} AS here ON {}", list, parameters, names,
                     table.relation, condition);
}

/// REQUIRES: look_up_sql has found the key's columns.
std::vector<QueryParameter> key_parameters(TableBatch& batch, const SourceTable& table,
                                           std::span<const std::size_t> key_rows) {
  std::vector<QueryParameter> parameters{places(key_rows.size())};
  for (std::size_t column : batch.plan().key()) {
    const SourceColumn* key = table.find(batch.plan().columns()[column].attnum);
    parameters.push_back(key->parameter(column_as_array(batch.column(column), key_rows)));
  }
  return parameters;
}

/// A transaction of its own, in which the table is locked before it is read.
QueryResult read_locked(TableBatch& batch, const SourceTable& table, PostgresConnection& source,
                        std::span<const std::size_t> key_rows, std::span<const std::size_t> columns) {
  const TablePlan& plan = batch.plan();
  source.execute("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY");
  try {
    lock_source_table(source, plan.schema().oid, table);
    const std::string sql = look_up_sql(plan, table, columns);
    QueryResult answer = source.query(sql, key_parameters(batch, table, key_rows));
    source.execute("COMMIT");
    return answer;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::SourceUnreachable && error.code() != ErrorCode::Stopped) source.execute("ROLLBACK");
    throw;
  }
}

void append_row(FoundRows& found, const QueryResult& answer, std::size_t row, const std::vector<bool>& gone) {
  for (std::size_t index = 0; index < found.columns.size(); ++index) {
    if (gone[index]) {
      found.columns[index]->append_default();
    } else if (answer.is_null(row, index + 1)) {
      found.columns[index]->append_null();
    } else {
      found.columns[index]->append_text(answer.text(row, index + 1));
    }
  }
}

FoundRows ask(TableBatch& batch, const RowHistory& history, PostgresConnection& source,
              std::span<const std::size_t> key_rows, std::span<const std::size_t> columns) {
  FoundRows found;
  const TablePlan& plan = batch.plan();
  const std::optional<SourceTable> table = read_source_table(source, plan.schema().oid);
  if (!table) return found;
  const QueryResult answer = read_locked(batch, *table, source, key_rows, columns);
  std::vector<bool> gone;
  for (std::size_t column : columns) {
    gone.push_back(table->find(plan.columns()[column].attnum) == nullptr);
    found.columns.push_back(make_column(plan.columns()[column].type));
  }
  std::size_t rows = 0;
  for (std::size_t row = 0; row < answer.rows(); ++row) {
    bool fits = true;
    for (std::size_t index = 0; index < columns.size(); ++index) {
      const bool has_null = gone[index] || plan.columns()[columns[index]].type.nullable;
      fits = fits && (has_null || !answer.is_null(row, index + 1));
    }
    if (!fits) continue;
    append_row(found, answer, row, gone);
    found.rows[history.key(key_rows[answer.number(row, 0)])] = rows++;
  }
  return found;
}

}  // namespace

std::string places(std::size_t count) {
  std::string array;
  ArrayTextWriter writer(array);
  for (std::size_t place = 0; place < count; ++place) writer.add(std::to_string(place));
  writer.finish();
  return array;
}

std::string column_as_array(const ColumnBuilder& column, std::span<const std::size_t> rows) {
  std::string array;
  std::string text;
  ArrayTextWriter writer(array);
  for (std::size_t row : rows) {
    if (column.is_null(row)) {
      writer.add_null();
      continue;
    }
    text.clear();
    column.put_text(row, text);
    writer.add(text);
  }
  writer.finish();
  return array;
}

FoundRows look_up_in_source(TableBatch& batch, const RowHistory& history, PostgresConnection& source,
                            std::span<const std::size_t> key_rows, std::span<const std::size_t> columns) {
  for (int attempt = 1;; ++attempt) {
    try {
      return ask(batch, history, source, key_rows, columns);
    } catch (const Error& error) {
      if (!altered_meanwhile(error) || attempt == kAttemptsMax) throw;
      log::debug("{}: altered during a look-up: {}", batch.plan().schema().qualified_name(), error.what());
    }
  }
}

}  // namespace echodb
