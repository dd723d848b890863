#include "postgres/connection.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include <charconv>
#include <cstring>
#include <utility>

#include "config/limits.h"
#include "postgres/open_session.h"
#include "postgres/sql_error.h"

namespace echodb {
namespace {

using namespace std::chrono_literals;

/// Timeouts that end a session, of servers that have them. Nothing where there are none.
std::string timeouts_of_newer_servers(int server_version) {
  std::string sql;
  if (server_version >= 140000) sql += "SET idle_session_timeout = 0;";
  if (server_version >= 170000) sql += "SET transaction_timeout = 0;";
  return sql;
}

PGresult* raw(void* result) { return static_cast<PGresult*>(result); }

}  // namespace

QueryResult::QueryResult(void* result) : result_(result) {}
QueryResult::QueryResult(QueryResult&& other) noexcept : result_(std::exchange(other.result_, nullptr)) {}
QueryResult& QueryResult::operator=(QueryResult&& other) noexcept {
  std::swap(result_, other.result_);
  return *this;
}
QueryResult::~QueryResult() { PQclear(raw(result_)); }

std::size_t QueryResult::rows() const { return static_cast<std::size_t>(PQntuples(raw(result_))); }
/// libpq only warns on standard error about a field that the answer does not have, and its length is taken for 0.
void QueryResult::expect_field(std::size_t row, std::size_t column) const {
  if (row < rows() && column < static_cast<std::size_t>(PQnfields(raw(result_)))) return;
  throw Error(ErrorCode::ProtocolViolation,
              fmt::format("PostgreSQL's answer has no row {} with a column {}: it has {} rows of {} columns", row + 1,
                          column + 1, rows(), PQnfields(raw(result_))));
}
bool QueryResult::is_null(std::size_t row, std::size_t column) const {
  expect_field(row, column);
  return PQgetisnull(raw(result_), static_cast<int>(row), static_cast<int>(column)) != 0;
}
std::string_view QueryResult::text(std::size_t row, std::size_t column) const {
  expect_field(row, column);
  int r = static_cast<int>(row);
  int c = static_cast<int>(column);
  return {PQgetvalue(raw(result_), r, c), static_cast<std::size_t>(PQgetlength(raw(result_), r, c))};
}
std::uint64_t QueryResult::number(std::size_t row, std::size_t column) const {
  std::string_view digits = text(row, column);
  std::uint64_t value = 0;
  auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (fault == std::errc() && end == digits.data() + digits.size()) return value;
  throw Error(ErrorCode::ProtocolViolation,
              fmt::format("column {} of PostgreSQL's answer is no number that is not negative",
                          PQfname(raw(result_), static_cast<int>(column))));
}

struct PostgresConnection::Impl {
  Session session;
  std::stop_token stop;
  std::chrono::milliseconds answer_within{0};  ///< 0: as long as it takes

  [[noreturn]] void fail() const { throw connection_error(session.get()); }

  /// Waits until the socket can be read (or written too), the stop token is raised or the server is gone.
  void wait(short events) const {
    auto until = answer_within > 0ms ? std::chrono::steady_clock::now() + answer_within
                                     : std::chrono::steady_clock::time_point::max();
    if (await_socket(session.get(), events, stop, until)) return;
    throw Error(ErrorCode::SourceUnreachable,
                fmt::format("PostgreSQL has not answered for {} ms", answer_within.count()));
  }

  void flush() const {
    while (int unsent = PQflush(session.get())) {
      if (unsent < 0) fail();
      wait(POLLIN | POLLOUT);
      if (PQconsumeInput(session.get()) == 0) fail();
    }
  }

  PGresult* next_result() const {
    flush();
    while (PQisBusy(session.get()) != 0) {
      wait(POLLIN);
      if (PQconsumeInput(session.get()) == 0) fail();
    }
    return PQgetResult(session.get());
  }

  /// Reads the answers to one request. The first error wins; COPY states are handed back at once.
  QueryResult collect() const {
    QueryResult last(nullptr);
    std::optional<Error> failure;
    while (PGresult* result = next_result()) {
      QueryResult owned(result);
      ExecStatusType status = PQresultStatus(result);
      if (status == PGRES_FATAL_ERROR && !failure) failure = result_error(session.get(), result);
      last = std::move(owned);
      if (status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH || status == PGRES_COPY_IN) break;
    }
    if (failure) throw *std::move(failure);
    return last;
  }
};

PostgresConnection::PostgresConnection(const PostgresSettings& settings, ConnectionKind kind, std::stop_token stop)
    : impl_(std::make_unique<Impl>()) {
  AttemptGate::Attempt attempt(settings.gate.get());
  impl_->stop = std::move(stop);
  try {
    impl_->session = open_session(settings, kind, impl_->stop);
    PQsetNoticeProcessor(
        impl_->session.get(), [](void*, const char*) {}, nullptr);
    impl_->answer_within = limits::kConnectTimeout;
    const std::string timeouts = timeouts_of_newer_servers(server_version());
    if (!timeouts.empty()) execute(timeouts);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::Stopped) attempt.failed();
    throw;
  }
  attempt.succeeded();
  // A slot is made when the transactions before it have ended, however long they take.
  impl_->answer_within = kind == ConnectionKind::Ordinary ? limits::kAnswerTimeout : 0ms;
}

PostgresConnection::~PostgresConnection() = default;
PostgresConnection::PostgresConnection(PostgresConnection&& other) noexcept = default;
PostgresConnection& PostgresConnection::operator=(PostgresConnection&& other) noexcept = default;

QueryResult PostgresConnection::query(const std::string& sql, std::span<const QueryParameter> parameters) {
  std::vector<const char*> values;
  std::vector<Oid> types;
  std::vector<int> lengths;
  std::vector<int> formats;
  for (const QueryParameter& parameter : parameters) {
    values.push_back(parameter.value ? parameter.value->c_str() : nullptr);
    types.push_back(parameter.type);
    lengths.push_back(parameter.value ? static_cast<int>(parameter.value->size()) : 0);
    formats.push_back(parameter.binary ? 1 : 0);
  }
  if (PQsendQueryParams(impl_->session.get(), sql.c_str(), static_cast<int>(values.size()), types.data(), values.data(),
                        lengths.data(), formats.data(), /*resultFormat=*/0) == 0) {
    impl_->fail();
  }
  return impl_->collect();
}

QueryResult PostgresConnection::execute(const std::string& sql) {
  if (PQsendQuery(impl_->session.get(), sql.c_str()) == 0) impl_->fail();
  return impl_->collect();
}

void PostgresConnection::copy_out(const std::string& sql, const std::function<void(Bytes)>& consume) {
  start_copy_out(sql);
  while (std::optional<CopyMessage> message = receive()) consume(message->bytes());
}

void PostgresConnection::start_copy_out(const std::string& sql) { execute(sql); }

std::optional<PostgresConnection::CopyMessage> PostgresConnection::receive() {
  while (true) {
    char* memory = nullptr;
    int size = PQgetCopyData(impl_->session.get(), &memory, /*async=*/1);
    if (size > 0) return CopyMessage(memory, static_cast<std::size_t>(size));
    if (size < 0) break;
    impl_->wait(POLLIN);
    if (PQconsumeInput(impl_->session.get()) == 0) impl_->fail();
  }
  impl_->collect();
  return std::nullopt;
}

void PostgresConnection::start_copy_both(const std::string& sql) { execute(sql); }

std::optional<PostgresConnection::CopyMessage> PostgresConnection::try_receive() {
  for (bool consumed = false;; consumed = true) {
    char* memory = nullptr;
    int size = PQgetCopyData(impl_->session.get(), &memory, /*async=*/1);
    if (size > 0) return CopyMessage(memory, static_cast<std::size_t>(size));
    if (size < 0) {
      impl_->collect();
      throw Error(ErrorCode::SourceUnreachable, "PostgreSQL ended the replication stream");
    }
    if (consumed) return std::nullopt;
    if (PQconsumeInput(impl_->session.get()) == 0) impl_->fail();
  }
}

void PostgresConnection::send_copy(Bytes message) {
  if (PQputCopyData(impl_->session.get(), reinterpret_cast<const char*>(message.data()),
                    static_cast<int>(message.size())) != 1) {
    impl_->fail();
  }
  impl_->flush();
}

bool PostgresConnection::in_transaction() const {
  const PGTransactionStatusType status = PQtransactionStatus(impl_->session.get());
  return status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}

void PostgresConnection::answer_within(std::chrono::milliseconds longest) { impl_->answer_within = longest; }
std::string_view PostgresConnection::server_encoding() const {
  const char* encoding = PQparameterStatus(impl_->session.get(), "server_encoding");
  return encoding == nullptr ? "UTF8" : encoding;
}

int PostgresConnection::backend() const { return PQbackendPID(impl_->session.get()); }
int PostgresConnection::socket() const { return PQsocket(impl_->session.get()); }
int PostgresConnection::server_version() const { return PQserverVersion(impl_->session.get()); }

PostgresConnection::CopyMessage::CopyMessage(CopyMessage&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)), size_(other.size_) {}
PostgresConnection::CopyMessage& PostgresConnection::CopyMessage::operator=(CopyMessage&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(size_, other.size_);
  return *this;
}
PostgresConnection::CopyMessage::~CopyMessage() { PQfreemem(memory_); }

void commit_locally(PostgresConnection& connection) {
  connection.query("SELECT pg_catalog.set_config('synchronous_commit', 'local', false)");
}

}  // namespace echodb
