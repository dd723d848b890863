#include "postgres/connection.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "config/limits.h"
#include "postgres/sql_error.h"

namespace echodb {
namespace {

using namespace std::chrono_literals;

/// A wait looks at its stop token this often.
constexpr auto kStopCheckInterval = 50ms;

/// How values look as text, also in the stream: where pgoutput has no bytes of a value, it is the walsender that
/// prints.
constexpr std::string_view kTextForms =
    "-c datestyle=ISO -c intervalstyle=postgres -c timezone=UTC -c bytea_output=hex -c extra_float_digits=3";

/// What ALTER DATABASE or ALTER ROLE may have set otherwise, and every server we support knows: an unknown name among
/// the options ends the connection. A backslash keeps the space inside one option. Names without a schema are
/// PostgreSQL's own: in any other schema a role could have put functions, operators and types of the same names, and
/// pg_temp would come first if it were not named.
constexpr std::string_view kBehaviour =
    "-c search_path=pg_catalog,pg_temp -c role=none -c default_transaction_read_only=off -c "
    "default_transaction_deferrable=off "
    "-c default_transaction_isolation=read\\ committed -c standard_conforming_strings=on -c array_nulls=on "
    "-c quote_all_identifiers=off";

std::string session_options(ConnectionKind kind) {
  if (kind == ConnectionKind::Replication) {
    return fmt::format("{} {} -c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0",
                       kTextForms, kBehaviour);
  }
  auto milliseconds = [](auto duration) { return std::chrono::milliseconds(duration).count(); };
  // Rows that a policy hides from us would be missing without a word: with this, PostgreSQL refuses instead.
  return fmt::format(
      "{} {} -c row_security=off -c jit=off -c max_parallel_workers_per_gather=0 -c statement_timeout={} -c "
      "lock_timeout={} "
      "-c idle_in_transaction_session_timeout={}",
      kTextForms, kBehaviour, milliseconds(limits::kStatementTimeout), milliseconds(limits::kLockTimeout),
      milliseconds(limits::kStatementTimeout));
}

bool has_several_hosts(const PostgresSettings& settings) { return settings.host.find(',') != std::string::npos; }

/// A server that vanished without a word is noticed by its silence: on what we send after kSocketTimeout, on an idle
/// connection by keepalives.
PGconn* connect(const PostgresSettings& settings, ConnectionKind kind) {
  std::string port = settings.ports.empty() ? std::to_string(settings.port) : settings.ports;
  std::string silence = std::to_string(std::chrono::milliseconds(limits::kSocketTimeout).count());
  std::string timeout = std::to_string(std::chrono::seconds(limits::kConnectTimeout).count());
  std::string options = session_options(kind);
  std::vector<std::pair<const char*, const char*>> parameters{
      {"host", settings.host.c_str()},
      {"port", port.c_str()},
      {"user", settings.user.c_str()},
      {"password", settings.password.c_str()},
      {"dbname", settings.database.c_str()},
      {"application_name", "echodb"},
      {"client_encoding", "UTF8"},
      {"connect_timeout", timeout.c_str()},
      {"keepalives_idle", "5"},
      {"keepalives_interval", "3"},
      {"keepalives_count", "3"},
      {"tcp_user_timeout", silence.c_str()},
      {"options", options.c_str()},
  };
  if (kind == ConnectionKind::Replication) parameters.emplace_back("replication", "database");
  if (has_several_hosts(settings)) parameters.emplace_back("target_session_attrs", "read-write");
  std::vector<const char*> keys;
  std::vector<const char*> values;
  for (const auto& [key, value] : parameters) {
    keys.push_back(key);
    values.push_back(value);
  }
  keys.push_back(nullptr);
  values.push_back(nullptr);
  return PQconnectdbParams(keys.data(), values.data(), /*expand_dbname=*/0);
}

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
  PGconn* connection = nullptr;
  std::stop_token stop;
  std::chrono::milliseconds answer_within{0};  ///< 0: as long as it takes

  ~Impl() { PQfinish(connection); }

  [[noreturn]] void fail() const { throw connection_error(connection); }

  /// Waits until the socket can be read (or written too), the stop token is raised or the server is gone.
  void wait(short events) const {
    pollfd watched{PQsocket(connection), events, 0};
    auto since = std::chrono::steady_clock::now();
    while (true) {
      if (stop.stop_requested()) throw Error(ErrorCode::Stopped, "stopped while waiting for PostgreSQL");
      int ready = poll(&watched, 1, static_cast<int>(std::chrono::milliseconds(kStopCheckInterval).count()));
      if (ready > 0) return;
      if (ready < 0 && errno != EINTR) throw Error(ErrorCode::SystemFailure, std::strerror(errno));
      if (answer_within > 0ms && std::chrono::steady_clock::now() - since > answer_within) {
        throw Error(ErrorCode::SourceUnreachable,
                    fmt::format("PostgreSQL has not answered for {} ms", answer_within.count()));
      }
    }
  }

  void flush() const {
    while (int unsent = PQflush(connection)) {
      if (unsent < 0) fail();
      wait(POLLIN | POLLOUT);
      if (PQconsumeInput(connection) == 0) fail();
    }
  }

  PGresult* next_result() const {
    flush();
    while (PQisBusy(connection) != 0) {
      wait(POLLIN);
      if (PQconsumeInput(connection) == 0) fail();
    }
    return PQgetResult(connection);
  }

  /// Reads the answers to one request. The first error wins; COPY states are handed back at once.
  QueryResult collect() const {
    QueryResult last(nullptr);
    std::optional<Error> failure;
    while (PGresult* result = next_result()) {
      QueryResult owned(result);
      ExecStatusType status = PQresultStatus(result);
      if (status == PGRES_FATAL_ERROR && !failure) failure = result_error(connection, result);
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
  impl_->connection = connect(settings, kind);
  if (PQstatus(impl_->connection) != CONNECTION_OK) {
    attempt.failed();
    throw connect_error(impl_->connection, settings);
  }
  const std::string timeouts = timeouts_of_newer_servers(PQserverVersion(impl_->connection));
  if (!timeouts.empty()) {
    const QueryResult set(PQexec(impl_->connection, timeouts.c_str()));
    if (PQstatus(impl_->connection) != CONNECTION_OK) {
      attempt.failed();
      impl_->fail();
    }
  }
  attempt.succeeded();
  // A slot is made when the transactions before it have ended, however long they take.
  if (kind == ConnectionKind::Ordinary) impl_->answer_within = limits::kAnswerTimeout;
  PQsetnonblocking(impl_->connection, 1);
  PQsetNoticeProcessor(
      impl_->connection, [](void*, const char*) {}, nullptr);
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
  if (PQsendQueryParams(impl_->connection, sql.c_str(), static_cast<int>(values.size()), types.data(), values.data(),
                        lengths.data(), formats.data(), /*resultFormat=*/0) == 0) {
    impl_->fail();
  }
  return impl_->collect();
}

QueryResult PostgresConnection::execute(const std::string& sql) {
  if (PQsendQuery(impl_->connection, sql.c_str()) == 0) impl_->fail();
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
    int size = PQgetCopyData(impl_->connection, &memory, /*async=*/1);
    if (size > 0) return CopyMessage(memory, static_cast<std::size_t>(size));
    if (size < 0) break;
    impl_->wait(POLLIN);
    if (PQconsumeInput(impl_->connection) == 0) impl_->fail();
  }
  impl_->collect();
  return std::nullopt;
}

void PostgresConnection::start_copy_both(const std::string& sql) { execute(sql); }

std::optional<PostgresConnection::CopyMessage> PostgresConnection::try_receive() {
  for (bool consumed = false;; consumed = true) {
    char* memory = nullptr;
    int size = PQgetCopyData(impl_->connection, &memory, /*async=*/1);
    if (size > 0) return CopyMessage(memory, static_cast<std::size_t>(size));
    if (size < 0) {
      impl_->collect();
      throw Error(ErrorCode::SourceUnreachable, "PostgreSQL ended the replication stream");
    }
    if (consumed) return std::nullopt;
    if (PQconsumeInput(impl_->connection) == 0) impl_->fail();
  }
}

void PostgresConnection::send_copy(Bytes message) {
  if (PQputCopyData(impl_->connection, reinterpret_cast<const char*>(message.data()),
                    static_cast<int>(message.size())) != 1) {
    impl_->fail();
  }
  impl_->flush();
}

void PostgresConnection::answer_within(std::chrono::milliseconds longest) { impl_->answer_within = longest; }
int PostgresConnection::backend() const { return PQbackendPID(impl_->connection); }
int PostgresConnection::socket() const { return PQsocket(impl_->connection); }
int PostgresConnection::server_version() const { return PQserverVersion(impl_->connection); }

PostgresConnection::CopyMessage::CopyMessage(CopyMessage&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)), size_(other.size_) {}
PostgresConnection::CopyMessage& PostgresConnection::CopyMessage::operator=(CopyMessage&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(size_, other.size_);
  return *this;
}
PostgresConnection::CopyMessage::~CopyMessage() { PQfreemem(memory_); }

}  // namespace echodb
