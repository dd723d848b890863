#include "control/error_policy.h"

namespace echodb {

ErrorPolicy error_policy(ErrorCode code) {
  using Action = ErrorPolicy::Action;
  switch (code) {
    case ErrorCode::InvalidConfiguration: return {Action::Fail, "correct the named variables and start again"};
    case ErrorCode::MissingBinary: return {Action::Fail, "run script/bootstrap"};
    case ErrorCode::PortBusy: return {Action::Fail, "free the port or set another one"};
    case ErrorCode::SystemFailure: return {Action::Retry, "look at memory, disk and file limits"};
    case ErrorCode::SourceUnreachable: return {Action::Retry, "see that PostgreSQL runs and can be reached"};
    case ErrorCode::SourceAuthentication: return {Action::Person, "check POSTGRES_USER and POSTGRES_PASSWORD"};
    case ErrorCode::SourcePrivilege: return {Action::Person, "grant what the message names"};
    case ErrorCode::SourceNotLogical: return {Action::Person, "set wal_level = logical and restart PostgreSQL"};
    case ErrorCode::SourceRejected: return {Action::Retry, "see the message of PostgreSQL"};
    case ErrorCode::SlotBusy: return {Action::Retry, "another worker reads the slot; this one waits"};
    case ErrorCode::SlotLost: return {Action::Person, "run `echodb setup`: every table is copied again"};
    case ErrorCode::ProtocolViolation: return {Action::Retry, "report it with the message: it should not happen"};
    case ErrorCode::SchemaMismatch: return {Action::Retry, "the table is copied again"};
    case ErrorCode::UnsupportedValue: return {Action::Person, "change the value or exclude the table"};
    case ErrorCode::TargetUnreachable: return {Action::Retry, "see that ClickHouse runs and can be reached"};
    case ErrorCode::TargetAuthentication: return {Action::Person, "check CLICKHOUSE_USER and CLICKHOUSE_PASSWORD"};
    case ErrorCode::TargetOverloaded: return {Action::Retry, "ClickHouse asks for patience"};
    case ErrorCode::TargetRejected: return {Action::Person, "see the message of ClickHouse"};
    case ErrorCode::Stopped: return {Action::Fail, "stopped as asked"};
  }
  return {Action::Fail, ""};
}

}  // namespace echodb
