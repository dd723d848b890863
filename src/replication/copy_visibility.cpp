#include "replication/copy_visibility.h"

#include <fmt/format.h>

#include <charconv>

#include "base/error.h"

namespace echodb {
namespace {

std::uint64_t parse_xid(std::string_view text) {
  std::uint64_t value = 0;
  auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size()) {
    throw Error(ErrorCode::ProtocolViolation, fmt::format("'{}' is not a transaction id", text));
  }
  return value;
}

std::string_view take_until(std::string_view& text, char separator) {
  auto at = text.find(separator);
  std::string_view head = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  return head;
}

}  // namespace

CopyVisibility CopyVisibility::parse(std::string_view snapshot) {
  CopyVisibility visibility;
  visibility.xmin_ = parse_xid(take_until(snapshot, ':'));
  visibility.xmax_ = parse_xid(take_until(snapshot, ':'));
  while (!snapshot.empty()) visibility.in_progress_.insert(parse_xid(take_until(snapshot, ',')));
  return visibility;
}

bool CopyVisibility::sees(Xid xid) const {
  auto distance = static_cast<std::int32_t>(xid - static_cast<Xid>(xmax_));
  std::uint64_t full = xmax_ + static_cast<std::uint64_t>(static_cast<std::int64_t>(distance));
  if (full >= xmax_) return false;
  return full < xmin_ || !in_progress_.contains(full);
}

bool CopyGate::try_pass(CopyVisibility snapshot) {
  MutexLock lock(mutex_);
  if (!snapshot.sees_all(left_out_)) return false;
  snapshot_ = std::move(snapshot);
  left_out_.clear();
  return true;
}

bool CopyGate::has_passed() const {
  MutexLock lock(mutex_);
  return snapshot_.has_value();
}

bool CopyGate::leaves_out(Xid xid) {
  MutexLock lock(mutex_);
  if (snapshot_) return snapshot_->sees(xid);
  left_out_.insert(xid);
  return true;
}

}  // namespace echodb
