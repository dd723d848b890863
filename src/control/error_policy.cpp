#include "control/error_policy.h"

namespace echodb {

ErrorPolicy error_policy(ErrorCode code) {
  using Action = ErrorPolicy::Action;
  switch (code) {
    case ErrorCode::InvalidConfiguration: return {Action::Fail, false, "correct the named variables and start again"};
    case ErrorCode::MissingBinary: return {Action::Fail, false, "run script/bootstrap"};
    case ErrorCode::PortBusy: return {Action::Fail, false, "free the port or set another one"};
    case ErrorCode::SystemFailure: return {Action::Retry, true, "look at memory, disk and file limits"};
    case ErrorCode::SourceUnreachable: return {Action::Retry, true, "see that PostgreSQL runs and can be reached"};
    case ErrorCode::SourceAuthentication: return {Action::Person, true, "check POSTGRES_USER and POSTGRES_PASSWORD"};
    case ErrorCode::SourcePrivilege: return {Action::Person, false, "grant what the message names"};
    case ErrorCode::SourceNotLogical: return {Action::Person, false, "set wal_level = logical and restart PostgreSQL"};
    case ErrorCode::SourceBusy:
      return {Action::Retry, true, "an application holds a lock, or PostgreSQL lacks resources"};
    case ErrorCode::SourceRejected: return {Action::Retry, false, "see the message of PostgreSQL"};
    case ErrorCode::SlotBusy:
      return {Action::Retry, true, "another process reads the slot and cannot be made to let go of it"};
    case ErrorCode::SlotLost: return {Action::Retry, false, "the slot is made again and every table is copied again"};
    case ErrorCode::LogUnreadable:
      return {Action::Retry, true,
              "after three times at one place the slot is made again and every table copied again"};
    case ErrorCode::NoBinaryForm: return {Action::Retry, false, "from now on all values come as text"};
    case ErrorCode::SourceReplaced:
      return {Action::Person, false, "nothing is written until someone says which source is the right one"};
    case ErrorCode::ProtocolViolation:
      return {Action::Retry, false, "report it with the message: it should not happen"};
    case ErrorCode::SchemaMismatch: return {Action::Retry, false, "the table is copied again"};
    case ErrorCode::UnsupportedValue: return {Action::Person, false, "change the value or exclude the table"};
    case ErrorCode::TargetUnreachable: return {Action::Retry, true, "see that ClickHouse runs and can be reached"};
    case ErrorCode::TargetAuthentication:
      return {Action::Person, true, "check CLICKHOUSE_USER and CLICKHOUSE_PASSWORD"};
    case ErrorCode::TargetOverloaded: return {Action::Retry, true, "ClickHouse asks for patience"};
    case ErrorCode::TargetRejected: return {Action::Person, false, "see the message of ClickHouse"};
    case ErrorCode::TargetTaken: return {Action::Person, false, "nothing is written there: it is another stream's"};
    case ErrorCode::TargetReplaced: return {Action::Retry, false, "every table is copied again"};
    case ErrorCode::LeadershipLost:
      return {Action::Retry, false, "this worker follows now, and leads again when it is its turn"};
    case ErrorCode::Stopped: return {Action::Fail, false, "stopped as asked"};
  }
  return {Action::Fail, false, ""};
}

}  // namespace echodb
