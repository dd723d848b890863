#include <fmt/format.h>

#include <algorithm>

#include "columns/source_text.h"
#include "replication/insert_completion.h"

namespace echodb {
namespace {

/// Well below the 65,535 parameters that one statement may have.
constexpr std::size_t kValuesPerStatement = 10'000;

/// format('%s', …) calls the type's output function, as COPY and psql do; a cast to text would not for every type.
std::string render_statement(std::size_t values) {
  std::string sql = "SELECT format('%s', v) FROM (VALUES ";
  for (std::size_t value = 1; value <= values; ++value)
    sql += fmt::format("{}({}, ${})", value == 1 ? "" : ", ", value, value);
  return sql + ") AS given(place, v) ORDER BY place";
}

void render(SourceTextColumn& column, WriterTools& tools) {
  PostgresConnection& source = tools.source();
  std::vector<Bytes> values = column.pending_values();
  std::vector<std::optional<std::string>> texts;
  for (std::size_t from = 0; from < values.size(); from += kValuesPerStatement) {
    std::size_t count = std::min(kValuesPerStatement, values.size() - from);
    std::vector<QueryParameter> parameters;
    for (std::size_t value = from; value < from + count; ++value) {
      parameters.emplace_back(QueryParameter::Binary{std::string(as_text(values[value])), column.source_oid()});
    }
    QueryResult answer = source.query(render_statement(count), parameters);
    tools.progressed();
    for (std::size_t row = 0; row < answer.rows(); ++row) texts.emplace_back(std::string(answer.text(row, 0)));
  }
  column.resolve(texts);
}

}  // namespace

void render_source_texts(TableBatch& batch, WriterTools& tools) {
  for (std::size_t index = 0; index < batch.plan().columns().size(); ++index) {
    SourceTextColumn* column = batch.column(index).source_text();
    if (column != nullptr && column->pending() > 0) render(*column, tools);
  }
}

}  // namespace echodb
