#include "clickhouse/server_marks.h"

#include "base/log.h"

namespace echodb {

KnownServers& KnownServers::instance() {
  static KnownServers servers;
  return servers;
}

std::optional<ServerMarks> KnownServers::find(const std::string& where) {
  MutexLock lock(mutex_);
  auto found = marks_.find(where);
  return found == marks_.end() ? std::nullopt : std::optional(found->second);
}

void KnownServers::learn(const std::string& where, const ServerMarks& marks) {
  MutexLock lock(mutex_);
  const bool is_new = marks_.insert_or_assign(where, marks).second;
  if (!is_new || marks.mark == AnswerMark::OwnId) return;
  log::info("ClickHouse at {} {}: every statement is followed by a question that only ClickHouse can answer", where,
            marks.mark == AnswerMark::OtherId ? "is behind something that gives queries other ids"
                                              : "is too old to name the query it answers");
}

void KnownServers::forget(const std::string& where) {
  MutexLock lock(mutex_);
  marks_.erase(where);
}

}  // namespace echodb
