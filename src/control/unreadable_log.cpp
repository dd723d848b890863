#include "control/unreadable_log.h"

namespace echodb {
namespace {

constexpr int kTimes = 3;

}  // namespace

bool UnreadableLog::ended(const Error& error, Lsn confirmed) {
  if (error.code() != ErrorCode::LogUnreadable) return false;
  const bool is_same = times_ > 0 && confirmed == confirmed_ && error.sqlstate() == sqlstate_;
  times_ = is_same ? times_ + 1 : 1;
  confirmed_ = confirmed;
  sqlstate_ = error.sqlstate();
  if (times_ < kTimes) return false;
  times_ = 0;
  return true;
}

}  // namespace echodb
