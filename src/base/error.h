#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace echodb {

/// What went wrong, as a closed list. `control/error_policy` is the only place that decides what each one means for
/// a retry, a breaker and the operator; everything else only throws them.
enum class ErrorCode {
  InvalidConfiguration,  ///< a setting is unknown, malformed or contradicts another
  MissingBinary,         ///< a program or library this command needs is not on the machine
  PortBusy,              ///< a port to listen on is taken
  SystemFailure,         ///< an operating-system call failed
  SourceUnreachable,     ///< no connection to PostgreSQL, or it broke
  SourceAuthentication,  ///< PostgreSQL refused the user or the password
  SourcePrivilege,       ///< the role may not do what replication needs
  SourceNotLogical,      ///< wal_level is not logical
  SourceBusy,            ///< PostgreSQL asks for patience: a lock, a deadlock, no memory or connection to spare
  SourceRejected,        ///< PostgreSQL answered a statement with an error
  SlotBusy,              ///< the replication slot is active for another process
  SlotLost,              ///< the replication slot is gone or invalidated
  LogUnreadable,         ///< the walsender cannot read its own log at some place
  NoBinaryForm,          ///< PostgreSQL cannot send a value as bytes: a part of its type has no send function
  SourceReplaced,        ///< the source is another cluster than before, or went back in time
  ProtocolViolation,     ///< bytes from a peer do not follow the grammar
  SchemaMismatch,        ///< a relation and the schema in force do not fit
  UnsupportedValue,      ///< a value has no place in the target type
  TargetUnreachable,     ///< no connection to ClickHouse, or it broke
  TargetAuthentication,  ///< ClickHouse refused the user or the password
  TargetOverloaded,      ///< ClickHouse asks for patience: too many parts, memory, queries
  TargetRejected,        ///< ClickHouse answered a statement with an error
  TargetTaken,           ///< the target database belongs to another stream or source
  TargetReplaced,        ///< the target is another one than before, or went back in time
  LeadershipLost,        ///< another worker leads, or this one cannot prove that it does
  Stopped,               ///< the caller asked to stop
};

/// The word used in logs, metrics and `status` for a code, e.g. "source_unreachable".
std::string_view to_string(ErrorCode code);

/// The one exception type of operating errors. It ends a unit of work: a batch, a table, a request, a command.
/// Carries context added at the folder edges it crosses (never a cell's value, never a secret) and, where a person
/// can act, the remedy: the variable to set or the SQL to run.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, std::string message);
  Error(ErrorCode code, std::string message, std::string remedy);

  [[nodiscard]] ErrorCode code() const noexcept { return code_; }
  [[nodiscard]] const std::string& message() const noexcept { return message_; }
  [[nodiscard]] const std::string& remedy() const noexcept { return remedy_; }
  /// A number the peer gave: ClickHouse's exception code; 0 when there is none.
  [[nodiscard]] int peer_code() const noexcept { return peer_code_; }
  /// PostgreSQL's SQLSTATE, empty when there is none.
  [[nodiscard]] const std::string& sqlstate() const noexcept { return sqlstate_; }
  /// The context that was added under this key, the first if there are several; empty when there is none.
  [[nodiscard]] std::string_view detail(std::string_view key) const noexcept;

  Error& with(std::string_view key, std::string_view value) &;
  Error&& with(std::string_view key, std::string_view value) &&;
  Error&& with_peer_code(int peer_code) &&;
  Error&& with_sqlstate(std::string sqlstate) &&;

  /// "message [table=public.users lsn=0/1A2B] (remedy)"
  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

 private:
  void render();

  ErrorCode code_;
  std::string message_;
  std::string remedy_;
  std::vector<std::pair<std::string, std::string>> context_;
  int peer_code_ = 0;
  std::string sqlstate_;
  std::string text_;
};

}  // namespace echodb
