#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/mutex.h"
#include "clickhouse/server_answer.h"

namespace echodb {

/// What is known of the servers this process talks to, by "host:port", so that not every client has to ask. Forgotten
/// after an answer that is in doubt: another server may be there by now. Any thread may call.
class KnownServers {
 public:
  static KnownServers& instance();

  [[nodiscard]] std::optional<ServerMarks> find(const std::string& where);
  void learn(const std::string& where, const ServerMarks& marks);
  void forget(const std::string& where);

 private:
  Mutex mutex_;
  std::map<std::string, ServerMarks> marks_ ECHODB_GUARDED_BY(mutex_);
};

}  // namespace echodb
