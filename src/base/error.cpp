#include "base/error.h"

namespace echodb {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::InvalidConfiguration: return "invalid_configuration";
    case ErrorCode::MissingBinary: return "missing_binary";
    case ErrorCode::PortBusy: return "port_busy";
    case ErrorCode::SystemFailure: return "system_failure";
    case ErrorCode::SourceUnreachable: return "source_unreachable";
    case ErrorCode::SourceAuthentication: return "source_authentication";
    case ErrorCode::SourcePrivilege: return "source_privilege";
    case ErrorCode::SourceNotLogical: return "source_not_logical";
    case ErrorCode::SourceBusy: return "source_busy";
    case ErrorCode::SourceRejected: return "source_rejected";
    case ErrorCode::SlotBusy: return "slot_busy";
    case ErrorCode::SlotLost: return "slot_lost";
    case ErrorCode::LogUnreadable: return "log_unreadable";
    case ErrorCode::NoBinaryForm: return "no_binary_form";
    case ErrorCode::SourceReplaced: return "source_replaced";
    case ErrorCode::ProtocolViolation: return "protocol_violation";
    case ErrorCode::SchemaMismatch: return "schema_mismatch";
    case ErrorCode::UnsupportedValue: return "unsupported_value";
    case ErrorCode::TargetUnreachable: return "target_unreachable";
    case ErrorCode::TargetAuthentication: return "target_authentication";
    case ErrorCode::TargetOverloaded: return "target_overloaded";
    case ErrorCode::TargetRejected: return "target_rejected";
    case ErrorCode::TargetTaken: return "target_taken";
    case ErrorCode::TargetReplaced: return "target_replaced";
    case ErrorCode::LeadershipLost: return "leadership_lost";
    case ErrorCode::Stopped: return "stopped";
  }
  return "unknown";
}

Error::Error(ErrorCode code, std::string message) : Error(code, std::move(message), std::string()) {}

Error::Error(ErrorCode code, std::string message, std::string remedy)
    : std::runtime_error(message), code_(code), message_(std::move(message)), remedy_(std::move(remedy)) {
  render();
}

Error& Error::with(std::string_view key, std::string_view value) & {
  context_.emplace_back(key, value);
  render();
  return *this;
}

Error&& Error::with(std::string_view key, std::string_view value) && { return std::move(with(key, value)); }

Error&& Error::with_peer_code(int peer_code) && {
  peer_code_ = peer_code;
  return std::move(*this);
}

Error&& Error::with_sqlstate(std::string sqlstate) && {
  sqlstate_ = std::move(sqlstate);
  return std::move(*this);
}

std::string_view Error::detail(std::string_view key) const noexcept {
  for (const auto& [name, value] : context_) {
    if (name == key) return value;
  }
  return {};
}

void Error::render() {
  text_ = message_;
  if (!context_.empty()) {
    text_ += " [";
    for (const auto& [key, value] : context_) {
      if (text_.back() != '[') text_ += ' ';
      text_ += key;
      text_ += '=';
      text_ += value;
    }
    text_ += ']';
  }
  if (!remedy_.empty()) {
    text_ += "\n  what to do: ";
    text_ += remedy_;
  }
}

}  // namespace echodb
