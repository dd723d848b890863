#include "replication/generated_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/log.h"
#include "columns/array_text.h"
#include "columns/make_column.h"
#include "replication/source_look_up.h"
#include "replication/source_table.h"
#include "replication/unchanged_values.h"

namespace echodb {
namespace {

constexpr std::size_t kRowsPerStatement = 1'000;

class GeneratedValues {
 public:
  GeneratedValues(TableBatch& batch, const std::vector<bool>& keep) : batch_(batch), missing_(batch.rows()) {
    std::set<std::size_t> columns;
    for (const TableBatch::MissingValue& missing : batch.missing()) {
      if (!keep[missing.row] || !batch.plan().columns()[missing.column].generated) continue;
      missing_[missing.row] = true;
      columns.insert(missing.column);
    }
    columns_.assign(columns.begin(), columns.end());
    for (std::size_t row = 0; row < missing_.size(); ++row) {
      if (missing_[row]) rows_.push_back(row);
    }
  }

  [[nodiscard]] std::size_t count() const { return rows_.size(); }
  /// Takes the columns out that only the application's code could compute, and returns them.
  [[nodiscard]] std::vector<std::size_t> take_foreign(const SourceTable& table);
  /// False when the table no longer has the expressions of all the columns; the others will be computed.
  [[nodiscard]] bool prepare(const SourceTable& table);
  void compute(WriterTools& tools);
  void put();

 private:
  [[nodiscard]] bool add_inputs(const SourceTable& table, const SourceColumn& column);
  [[nodiscard]] std::string select_sql(const SourceTable& table) const;

  TableBatch& batch_;
  std::vector<bool> missing_;         ///< by row
  std::vector<std::size_t> rows_;     ///< those of the rows
  std::vector<std::size_t> columns_;  ///< of the plan: the generated ones
  std::vector<std::size_t> inputs_;   ///< of the plan: what the expressions read
  std::vector<SourceColumn> given_;   ///< one for each of those
  std::string sql_;
  std::vector<std::unique_ptr<ColumnBuilder>>
      computed_;  ///< one for each of the columns, with a row for each of the rows
};

bool GeneratedValues::add_inputs(const SourceTable& table, const SourceColumn& column) {
  for (std::int16_t attnum : column.inputs) {
    auto planned = std::ranges::find(batch_.plan().columns(), attnum, &PlannedColumn::attnum);
    const SourceColumn* input = table.find(attnum);
    if (planned == batch_.plan().columns().end() || input == nullptr) return false;
    const auto index = static_cast<std::size_t>(planned - batch_.plan().columns().begin());
    if (std::ranges::find(inputs_, index) == inputs_.end()) inputs_.push_back(index);
  }
  return true;
}

std::vector<std::size_t> GeneratedValues::take_foreign(const SourceTable& table) {
  auto is_foreign = [&](std::size_t column) {
    const SourceColumn* found = table.find(batch_.plan().columns()[column].attnum);
    if (found == nullptr || found->expression.empty()) return false;
    return !found->computable || std::ranges::any_of(found->inputs, [&](std::int16_t attnum) {
      const SourceColumn* input = table.find(attnum);
      return input != nullptr && (input->given_as == GivenAs::Text || !input->has_catalog_type);
    });
  };
  std::vector<std::size_t> foreign;
  std::ranges::copy_if(columns_, std::back_inserter(foreign), is_foreign);
  std::erase_if(columns_, is_foreign);
  return foreign;
}

bool GeneratedValues::prepare(const SourceTable& table) {
  const auto out_of_reach = std::erase_if(columns_, [&](std::size_t column) {
    const SourceColumn* found = table.find(batch_.plan().columns()[column].attnum);
    return found == nullptr || found->expression.empty() || !add_inputs(table, *found);
  });
  if (columns_.empty()) return out_of_reach == 0;
  sql_ = select_sql(table);
  for (std::size_t input : inputs_) given_.push_back(*table.find(batch_.plan().columns()[input].attnum));
  return out_of_reach == 0;
}

/// SELECT computed.* FROM unnest($1::int[], $2, $3) AS given(place, v0, v1) CROSS JOIN LATERAL
/// (SELECT (w * h)::integer FROM (SELECT given.v0 AS w, given.v1 AS h) AS changed) AS computed ORDER BY given.place
std::string GeneratedValues::select_sql(const SourceTable& table) const {
  std::string expressions;
  for (std::size_t column : columns_) {
    const SourceColumn* found = table.find(batch_.plan().columns()[column].attnum);
    // The cast is what storing the value does: it applies a length or a scale.
    expressions += fmt::format("{}({})::{}", expressions.empty() ? "" : ", ", found->expression, found->type);
  }
  std::string parameters = "$1::int[]";
  std::string given = "place";
  std::string inputs;
  for (std::size_t index = 0; index < inputs_.size(); ++index) {
    const SourceColumn* input = table.find(batch_.plan().columns()[inputs_[index]].attnum);
    parameters += fmt::format(", ${}", index + 2);
    given += fmt::format(", v{}", index);
    inputs +=
        fmt::format("{}{} AS {}", index == 0 ? "" : ", ", input->value(fmt::format("given.v{}", index)), input->name);
  }
  return fmt::format(
      "SELECT computed.* FROM unnest({}) AS given({}) CROSS JOIN LATERAL (SELECT {} FROM (SELECT {}) AS changed) AS "
      "computed "
      "ORDER BY given.place",
      parameters, given, expressions, inputs);
}

void GeneratedValues::compute(WriterTools& tools) {
  if (columns_.empty()) return;
  for (std::size_t column : columns_) computed_.push_back(make_column(batch_.plan().columns()[column].type));
  for (std::size_t from = 0; from < rows_.size(); from += kRowsPerStatement) {
    const std::span<const std::size_t> rows(rows_.data() + from, std::min(kRowsPerStatement, rows_.size() - from));
    std::vector<QueryParameter> parameters{places(rows.size())};
    for (std::size_t index = 0; index < inputs_.size(); ++index) {
      parameters.push_back(given_[index].parameter(column_as_array(batch_.column(inputs_[index]), rows)));
    }
    const QueryResult answer = tools.source.connection().query(sql_, parameters);
    tools.progressed();
    if (answer.rows() != rows.size()) {
      throw Error(ErrorCode::ProtocolViolation, "the source computed another number of rows");
    }
    for (std::size_t row = 0; row < rows.size(); ++row) {
      for (std::size_t index = 0; index < columns_.size(); ++index) {
        if (answer.is_null(row, index)) {
          computed_[index]->append_null();
        } else {
          computed_[index]->append_text(answer.text(row, index));
        }
      }
    }
  }
}

void GeneratedValues::put() {
  for (std::size_t index = 0; index < columns_.size(); ++index) {
    const std::size_t column = columns_[index];
    std::unique_ptr<ColumnBuilder> filled = make_column(batch_.plan().columns()[column].type);
    std::size_t next = 0;
    for (std::size_t row = 0; row < batch_.rows(); ++row) {
      if (missing_[row]) {
        filled->append_from(*computed_[index], next++);
      } else {
        filled->append_from(batch_.column(column), row);
      }
    }
    batch_.replace_column(column, std::move(filled));
  }
}

void read_by_key(TableBatch& batch, std::span<const std::size_t> columns, WriterTools& tools, std::vector<bool>& keep) {
  if (columns.empty()) return;
  if (batch.plan().is_bag()) {
    throw Error(
        ErrorCode::UnsupportedValue,
        fmt::format("the generated column {} calls functions that are not PostgreSQL's own, which EchoDB does not "
                    "run, and the table has no key to read its values by",
                    batch.plan().columns()[columns.front()].source_name),
        "add a primary key");
  }
  read_values_by_key(batch, columns, tools, keep);
}

}  // namespace

void fill_generated_values(TableBatch& batch, WriterTools& tools, std::vector<bool>& keep) {
  GeneratedValues values(batch, keep);
  if (values.count() == 0) return;
  const TablePlan& plan = batch.plan();
  if (std::ranges::any_of(plan.key(), [&](std::size_t column) { return plan.columns()[column].generated; })) {
    throw Error(ErrorCode::UnsupportedValue, "a generated column in the key: the stream does not name deleted rows");
  }
  const std::optional<SourceTable> table = read_source_table(tools.source.connection(), plan.schema().oid);
  if (table) read_by_key(batch, values.take_foreign(*table), tools, keep);
  if (!table || !values.prepare(*table)) {
    // The table or the column was dropped, or its expression replaced, which rewrites the table: that follows in the
    // log and takes these values away. Only a target that outlives its source's table keeps them.
    log::warn("{}: generated columns of {} rows have no value, the source no longer computes them",
              plan.schema().qualified_name(), values.count());
  }
  if (!table) return;
  values.compute(tools);
  values.put();
}

}  // namespace echodb
