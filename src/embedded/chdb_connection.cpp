#include "embedded/chdb_connection.h"

#include "embedded/clickhouse_failure.h"

namespace echodb {
namespace {

/// Parameters as the C interface wants them. Borrows the strings.
struct ParameterArrays {
  explicit ParameterArrays(const StatementParameters& parameters) {
    for (const auto& [name, value] : parameters) {
      names.push_back(name.data());
      name_sizes.push_back(name.size());
      values.push_back(value.data());
      value_sizes.push_back(value.size());
    }
  }
  std::vector<const char*> names;
  std::vector<std::size_t> name_sizes;
  std::vector<const char*> values;
  std::vector<std::size_t> value_sizes;
};

StatementCounts read_counts(const ChdbLibrary& library, ChdbResultHandle* handle) {
  return {.read_rows = library.result_rows_read(handle),
          .read_bytes = library.result_bytes_read(handle),
          .written_rows = library.result_rows_written(handle),
          .written_bytes = library.result_bytes_written(handle),
          .result_rows = library.result_rows(handle),
          .result_bytes = library.result_bytes(handle)};
}

}  // namespace

std::string_view ChdbResult::text() const {
  const char* buffer = library_->result_buffer(handle_.get());
  return buffer == nullptr ? std::string_view() : std::string_view(buffer, library_->result_length(handle_.get()));
}

StatementCounts ChdbResult::counts() const { return read_counts(*library_, handle_.get()); }

bool ChdbInsert::append(Bytes bytes) { return library_->insert_append(handle_.get(), bytes.data(), bytes.size()) == 0; }

StatementCounts ChdbInsert::done() {
  ChdbResult result(*library_, library_->insert_done(handle_.get()));
  if (const char* failure = library_->insert_error(handle_.get())) throw chdb_error(failure);
  StatementCounts counts = result.counts();
  counts.result_rows = counts.written_rows;
  counts.result_bytes = counts.written_bytes;
  return counts;
}

ChdbConnection::ChdbConnection(const ChdbLibrary& library, std::span<const std::string> arguments) : library_(library) {
  std::vector<std::string> words{"echodb"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  handle_ = library.connect(static_cast<int>(pointers.size()), pointers.data());
  if (handle_ == nullptr) {
    throw Error(
        ErrorCode::SystemFailure, "libchdb does not open its data",
        "another `echodb clickhouse` may be running on the same ECHODB_DATA_DIR; stop it, or set another directory");
  }
}

ChdbConnection::~ChdbConnection() { library_.close(handle_); }

ChdbResult ChdbConnection::query(std::string_view sql, std::string_view format, const StatementParameters& parameters) {
  ParameterArrays arrays(parameters);
  auto* handle =
      library_.query(*handle_, sql.data(), sql.size(), format.data(), format.size(), arrays.names.data(),
                     arrays.name_sizes.data(), arrays.values.data(), arrays.value_sizes.data(), parameters.size());
  ChdbResult result(library_, handle);
  if (const char* failure = library_.result_error(handle)) throw chdb_error(failure);
  return result;
}

ChdbInsert ChdbConnection::insert(std::string_view header, std::string_view format,
                                  const StatementParameters& parameters) {
  ParameterArrays arrays(parameters);
  auto* handle =
      library_.insert(*handle_, header.data(), header.size(), format.data(), format.size(), arrays.names.data(),
                      arrays.name_sizes.data(), arrays.values.data(), arrays.value_sizes.data(), parameters.size());
  ChdbInsert insert(library_, handle);
  if (const char* failure = library_.insert_error(handle)) throw chdb_error(failure);
  return insert;
}

StatementAnalysis ChdbConnection::analyse(std::string_view sql) {
  ChdbQueryAnalysis analysis;
  if (library_.classify(*handle_, sql.data(), sql.size(), nullptr, 0, &analysis) != 0) {
    throw Error(ErrorCode::SystemFailure, "libchdb does not analyse a statement on this connection");
  }
  return {.statement_count = analysis.statement_count,
          .statement_class = static_cast<StatementClass>(analysis.query_class)};
}

Error ChdbConnection::syntax_error(std::string_view sql) {
  // Starting an insert stream parses one statement, refuses what is more, and refuses to run anything but an INSERT.
  try {
    ChdbInsert started = insert(sql, "");
  } catch (const Error& failure) {
    if (failure.peer_code() == clickhouse_codes::kSyntaxError.number) return failure;
  }
  return clickhouse_failure(clickhouse_codes::kSyntaxError, "Syntax error (Multi-statements are not allowed)");
}

}  // namespace echodb
