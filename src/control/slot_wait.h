#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <thread>

#include "config/settings.h"
#include "postgres/connection.h"

namespace echodb {

/// A slot is made when the transactions that were open before have ended, however long that takes. While this object
/// lives a thread of its own looks which ones PostgreSQL waits for, and says so when they have kept it waiting for a
/// second, and again when they are others.
class SlotWait {
 public:
  /// Gets a sentence for people, on that thread.
  using Say = std::function<void(const std::string&)>;

  /// `source` and `slot`: where it is made, and its name.
  SlotWait(PostgresSettings source, std::string slot, Say say);
  ~SlotWait() = default;
  SlotWait(const SlotWait&) = delete;
  SlotWait& operator=(const SlotWait&) = delete;

 private:
  void watch(std::stop_token stop);
  void look(PostgresConnection& source);

  PostgresSettings source_;
  std::string slot_;
  Say say_;
  std::string said_;
  std::jthread thread_;  ///< last: it uses all the others
};

}  // namespace echodb
