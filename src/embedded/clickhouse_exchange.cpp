#include "embedded/clickhouse_exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/secret.h"
#include "embedded/clickhouse_failure.h"
#include "embedded/response_format.h"
#include "embedded/sql_lexer.h"
#include "embedded/statement_guard.h"

namespace echodb {
namespace {

constexpr std::size_t kStatementBytesMax = 128 << 20;
// After a failure a client that still sends is heard out this far, so that it gets to read why; then it is cut off.
constexpr std::size_t kDroppedBytesMax = 256 << 20;

}  // namespace

ClickHouseExchange::ClickHouseExchange(ChdbEngine& engine, const ClickHouseServerIdentity& identity,
                                       const HttpRequest& http)
    : engine_(engine), identity_(identity), query_id_(read_query_id(http)) {
  try {
    begin(http);
  } catch (const Error& failure) {
    failure_ = failure;
  }
}

void ClickHouseExchange::begin(const HttpRequest& http) {
  authenticate(http);
  authenticated_ = true;
  request_ = read_clickhouse_request(http);
  decoder_ = make_content_decoder(request_.body_encoding);
  // ClickHouse reads the URL's query, a line end and the body as one text.
  text_ = std::move(request_.query);
  if (!text_.empty()) text_.push_back('\n');
}

void ClickHouseExchange::authenticate(const HttpRequest& http) const {
  ClickHouseCredentials given = read_credentials(http);
  bool user_matches = equal_secrets(given.user, identity_.user);
  if (equal_secrets(given.password, identity_.password) && user_matches) return;
  throw clickhouse_failure(
      clickhouse_codes::kAuthenticationFailed,
      fmt::format("{}: Authentication failed: password is incorrect, or there is no user with such name", given.user));
}

std::optional<HttpResponse> ClickHouseExchange::early_answer() {
  if (authenticated_) return std::nullopt;
  return failed(*failure_);
}

void ClickHouseExchange::on_body(Bytes bytes) {
  has_body_ = true;
  if (!failure_) {
    try {
      decoder_->decode(bytes, [this](Bytes plain) { receive(plain); });
      return;
    } catch (const Error& failure) {
      insert_.reset();
      failure_ = failure;
    }
  }
  dropped_bytes_ += bytes.size();
  if (dropped_bytes_ > kDroppedBytesMax) throw Error(*failure_);
}

void ClickHouseExchange::receive(Bytes plain) {
  if (insert_) {
    append(plain);
    return;
  }
  if (text_.size() + plain.size() > kStatementBytesMax) {
    throw clickhouse_failure(clickhouse_codes::kQueryIsTooLarge,
                             fmt::format("A statement of more than {} bytes", kStatementBytesMax));
  }
  text_.append(as_text(plain));
  if (text_.size() < look_again_at_) return;
  look_again_at_ = text_.size() * 2;
  StatementSplit split = split_statement(text_, false);
  if (split.shape == StatementShape::InsertWithData) start_insert(split);
}

std::unique_ptr<ConnectionLease> ClickHouseExchange::lease() const {
  return std::make_unique<ConnectionLease>(engine_, request_.connection, identity_.database, query_id_);
}

void ClickHouseExchange::start_insert(const StatementSplit& split) {
  if (request_.reads_only) {
    throw clickhouse_failure(clickhouse_codes::kReadonly, "Cannot execute query in readonly mode");
  }
  auto held = lease();
  std::string header =
      fmt::format("{}\n{}", std::string_view(text_).substr(0, split.header_size), query_id_tag(query_id_));
  refuse_host_access(held->connection(), header + "\nFORMAT Null");
  ChdbInsert started = held->connection().insert(header, split.format, request_.parameters);
  insert_.emplace(RunningInsert{.lease = std::move(held), .insert = std::move(started), .values = {}});
  if (split.format == "Values") insert_->values.emplace();
  append(as_bytes(std::string_view(text_).substr(split.data_offset)));
  text_.clear();
}

void ClickHouseExchange::append(Bytes bytes) {
  if (insert_->values) insert_->values->see(as_text(bytes));
  // The engine's own words for why it takes no more come from done().
  if (!bytes.empty() && !insert_->insert.append(bytes)) insert_->insert.done();
}

HttpResponse ClickHouseExchange::finish() {
  try {
    if (failure_) throw Error(*failure_);
    if (has_body_) decoder_->finish();
    return run();
  } catch (const Error& failure) {
    insert_.reset();
    return failed(failure);
  }
}

HttpResponse ClickHouseExchange::run() {
  if (!insert_) {
    StatementSplit split = split_statement(text_, true);
    if (split.shape == StatementShape::InsertWithData) start_insert(split);
  }
  if (insert_) return finish_insert();
  StatementText statement = read_statement(text_);
  auto held = lease();
  StatementAnalysis analysis = held->connection().analyse(text_);
  check(statement, analysis, held->connection());
  if (statement.is_select && analysis.statement_class == StatementClass::ReadOnly) {
    return run_select(std::move(held), statement);
  }
  return run_whole(std::move(held), statement, analysis.statement_class);
}

void ClickHouseExchange::check(const StatementText& statement, const StatementAnalysis& analysis,
                               ChdbConnection& connection) const {
  if (analysis.statement_count != 1) throw connection.syntax_error(text_);
  refuse_host_access(connection, text_);
  if (statement.insert_has_data) {
    throw clickhouse_failure(clickhouse_codes::kNotImplemented,
                             "INSERT SELECT FROM input() is not served by the embedded server");
  }
  SqlToken first{.kind = SqlTokenKind::Word, .text = statement.first_word};
  bool changes =
      analysis.statement_class != StatementClass::ReadOnly && !first.is_keyword("SET") && !first.is_keyword("USE");
  if (request_.reads_only && changes) {
    throw clickhouse_failure(clickhouse_codes::kReadonly,
                             "Cannot execute query in readonly mode. For queries over HTTP, method GET implies "
                             "readonly. You should use method POST for modifying queries");
  }
}

HttpResponse ClickHouseExchange::finish_insert() {
  StatementCounts counts = insert_->insert.done();
  insert_->lease->leave_clean();
  insert_.reset();
  HttpResponse response;
  add_result_headers(response, {});
  add_summary(response, counts);
  return response;
}

HttpResponse ClickHouseExchange::run_select(std::unique_ptr<ConnectionLease> held, const StatementText& statement) {
  std::string format(statement.format.empty() ? std::string_view(request_.default_format) : statement.format);
  auto select =
      std::make_unique<RunningSelect>(engine_, std::move(held), statement, request_.parameters,
                                      RunningSelect::Options{.format = request_.default_format, .query_id = query_id_});
  std::string tag = query_id_tag(query_id_);
  std::string exception_tag =
      fmt::format("{:016x}", std::hash<std::string>{}(tag + std::to_string(started_.time_since_epoch().count())));
  SelectResponse sent = respond_with_select(
      std::move(select),
      {.wishes = request_.response,
       .exception_tag = exception_tag,
       .describe = [version = engine_.version()](const Error& failure) { return failure_text(failure, version); }});
  HttpResponse response;
  response.body = std::move(sent.body);
  response.stream = std::move(sent.stream);
  add_result_headers(response, format);
  response.headers.emplace_back("X-ClickHouse-Exception-Tag", exception_tag);
  add_summary(response, sent.counts);
  return response;
}

HttpResponse ClickHouseExchange::run_whole(std::unique_ptr<ConnectionLease> held, const StatementText& statement,
                                           StatementClass kind) {
  SqlToken first{.kind = SqlTokenKind::Word, .text = statement.first_word};
  std::string tag = query_id_tag(query_id_);
  std::string sql = first.is_keyword("KILL") ? rewrite_kill_query(statement) : tagged(statement, tag);
  ChdbResult result = held->connection().query(sql, request_.default_format, request_.parameters);
  if (kind == StatementClass::Control) {
    held->leave_changed();
  } else {
    held->leave_clean();
  }
  HttpResponse response;
  response.body = encode_whole(request_.response, result.text());
  std::string_view format = statement.format.empty() ? std::string_view(request_.default_format) : statement.format;
  add_result_headers(response, result.text().empty() ? std::string_view() : format);
  add_summary(response, result.counts());
  return response;
}

void ClickHouseExchange::add_common_headers(HttpResponse& response) const {
  response.headers.emplace_back("X-ClickHouse-Server-Display-Name", identity_.display_name);
  response.headers.emplace_back("X-ClickHouse-Query-Id", query_id_);
}

void ClickHouseExchange::add_result_headers(HttpResponse& response, std::string_view format) const {
  add_common_headers(response);
  response.headers.emplace_back("Content-Type", std::string(content_type_of(format)));
  response.headers.emplace_back("X-ClickHouse-Timezone", engine_.timezone());
  if (!format.empty()) response.headers.emplace_back("X-ClickHouse-Format", std::string(format));
  bool encoded = request_.response.encoding != ContentEncoding::Identity && (response.stream || !response.body.empty());
  if (encoded) {
    response.headers.emplace_back("Content-Encoding", std::string(to_string(request_.response.encoding)));
    response.headers.emplace_back("Vary", "Accept-Encoding");
  }
}

void ClickHouseExchange::add_summary(HttpResponse& response, const StatementCounts& counts) const {
  auto elapsed = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - started_);
  response.headers.emplace_back(
      "X-ClickHouse-Summary",
      fmt::format(R"({{"read_rows":"{}","read_bytes":"{}","written_rows":"{}","written_bytes":"{}",)"
                  R"("total_rows_to_read":"0","result_rows":"{}","result_bytes":"{}","elapsed_ns":"{}"}})",
                  counts.read_rows, counts.read_bytes, counts.written_rows, counts.written_bytes, counts.result_rows,
                  counts.result_bytes, elapsed.count()));
}

std::string failure_text(const Error& failure, const std::string& version) {
  if (failure.peer_code() != 0) return fmt::format("{} (version {})", failure.message(), version);
  return fmt::format("Code: 1002. DB::Exception: {}. (UNKNOWN_EXCEPTION) (version {})", failure.what(), version);
}

HttpResponse ClickHouseExchange::failed(const Error& failure) const {
  int code = failure.peer_code() == 0 ? 1002 : failure.peer_code();
  HttpResponse response;
  response.status = http_status_of(code);
  response.body = failure_text(failure, engine_.version()) + "\n";
  add_common_headers(response);
  response.headers.emplace_back("Content-Type", "text/plain; charset=UTF-8");
  response.headers.emplace_back("X-ClickHouse-Exception-Code", std::to_string(code));
  log::debug("query {} failed with code {}", query_id_, code);
  return response;
}

}  // namespace echodb
