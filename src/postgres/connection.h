#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "config/settings.h"
#include "postgres/lsn.h"

namespace echodb {

/// The rows a statement returned. Owns them; views into it live as long as it does.
class QueryResult {
 public:
  explicit QueryResult(void* result);
  QueryResult(QueryResult&& other) noexcept;
  QueryResult& operator=(QueryResult&& other) noexcept;
  ~QueryResult();

  [[nodiscard]] std::size_t rows() const;
  // A row or column that the answer does not have, and a number that is none, is Error(ProtocolViolation).
  [[nodiscard]] bool is_null(std::size_t row, std::size_t column) const;
  /// The value as text; empty for NULL.
  [[nodiscard]] std::string_view text(std::size_t row, std::size_t column) const;
  [[nodiscard]] std::uint64_t number(std::size_t row, std::size_t column) const;
  [[nodiscard]] bool boolean(std::size_t row, std::size_t column) const { return text(row, column) == "t"; }

 private:
  void expect_field(std::size_t row, std::size_t column) const;

  void* result_;
};

/// One parameter of a statement: text, or binary of a given type.
struct QueryParameter {
  std::optional<std::string> value;  ///< nullopt: NULL
  Oid type = 0;                      ///< 0: let the server infer it
  bool binary = false;

  QueryParameter(std::string text) : value(std::move(text)) {}
  QueryParameter(std::string_view text) : value(text) {}
  QueryParameter(const char* text) : value(text) {}
  QueryParameter(std::nullopt_t) {}
  QueryParameter(std::optional<std::string> text) : value(std::move(text)) {}
  struct Binary {
    std::string bytes;
    Oid type;
  };
  QueryParameter(Binary of) : value(std::move(of.bytes)), type(of.type), binary(true) {}
};

/// The server was asked for bytes of a value whose type, or a part's type, has no send function.
bool lacks_binary_form(const Error& error);
/// Tells it as Error(NoBinaryForm).
Error no_binary_form(const Error& error);

enum class ConnectionKind {
  Ordinary,     ///< statements and COPY
  Replication,  ///< `replication=database`: also CREATE_REPLICATION_SLOT, START_REPLICATION
};

/// One connection to PostgreSQL; libpq wrapped once. A world of its own: one owner, one thread at a time. Every wait
/// ends with Error(Stopped) soon after the stop token is raised. Sessions speak UTF-8, ISO dates and UTC; ordinary ones
/// have the timeouts of config/limits.h.
///
/// Errors: SourceUnreachable (the connection is of no more use), SourceAuthentication, SourcePrivilege, SlotBusy,
/// SourceBusy and SourceRejected with its SQLSTATE (the connection can go on).
class PostgresConnection {
 public:
  PostgresConnection(const PostgresSettings& settings, ConnectionKind kind, std::stop_token stop = {});
  ~PostgresConnection();
  PostgresConnection(PostgresConnection&& other) noexcept;
  PostgresConnection& operator=(PostgresConnection&& other) noexcept;

  /// One statement with parameters $1, $2, …
  QueryResult query(const std::string& sql, std::span<const QueryParameter> parameters = {});
  QueryResult query(const std::string& sql, std::initializer_list<QueryParameter> parameters) {
    return query(sql, std::span<const QueryParameter>(parameters.begin(), parameters.size()));
  }
  /// Any number of statements without parameters; the last one's rows.
  QueryResult execute(const std::string& sql);

  /// Runs COPY … TO STDOUT and hands over its data as it comes. After an exception of `consume` the connection is of
  /// no more use.
  void copy_out(const std::string& sql, const std::function<void(Bytes)>& consume);

  /// A message of COPY; frees it at the end.
  class CopyMessage {
   public:
    CopyMessage(char* memory, std::size_t size) : memory_(memory), size_(size) {}
    CopyMessage(CopyMessage&& other) noexcept;
    CopyMessage& operator=(CopyMessage&& other) noexcept;
    ~CopyMessage();
    [[nodiscard]] Bytes bytes() const { return {reinterpret_cast<const std::byte*>(memory_), size_}; }

   private:
    char* memory_;
    std::size_t size_;
  };
  /// Starts COPY … TO STDOUT, whose data is asked for. Until all of it has been the connection is of no other use.
  void start_copy_out(const std::string& sql);
  /// Waits for the next message; nullopt when that was all.
  std::optional<CopyMessage> receive();

  /// Starts COPY BOTH, the replication conversation; see replication_stream.h.
  void start_copy_both(const std::string& sql);
  /// The next message that has already arrived, or nullopt. Throws when the server ended the conversation.
  std::optional<CopyMessage> try_receive();
  void send_copy(Bytes message);
  [[nodiscard]] int socket() const;

  /// A transaction is open, or has failed and is to be rolled back.
  [[nodiscard]] bool in_transaction() const;

  /// A server that is silent for longer while an answer is due is unreachable; 0: it may take any time.
  void answer_within(std::chrono::milliseconds longest);
  /// The server process at the other end.
  [[nodiscard]] int backend() const;

  /// UTF8, LATIN1, …: of the database.
  [[nodiscard]] std::string_view server_encoding() const;
  /// 150018 for 15.18.
  [[nodiscard]] int server_version() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// What this session commits is on the server's own disk before the answer comes, and waits for no standby.
void commit_locally(PostgresConnection& connection);
/// "name" as SQL needs it, quoted always.
std::string quote_sql_identifier(std::string_view name);
/// 'text' as an SQL literal.
std::string quote_sql_literal(std::string_view text);
/// {"a","b"}: a text[] in PostgreSQL's array notation.
std::string to_array_text(std::span<const std::string> values);

}  // namespace echodb
