#pragma once

#include <atomic>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/mutex.h"
#include "config/settings.h"
#include "postgres/lsn.h"

namespace echodb {

/// Where the source's log ends now, and what it shows to everybody, asked once a second on a connection of its own: the
/// stream itself says only what it has sent. A thread owns the connection; the rest may be called from any.
class SourcePosition {
 public:
  explicit SourcePosition(PostgresSettings settings);

  /// 0 before the first answer.
  [[nodiscard]] Lsn latest() const { return Lsn{latest_.load(std::memory_order_relaxed)}; }
  /// pg_current_snapshot() as text, once; nullopt when nothing new is known.
  [[nodiscard]] std::optional<std::string> take_snapshot();

 private:
  void watch(std::stop_token stop);

  PostgresSettings settings_;
  std::atomic<std::uint64_t> latest_{0};
  Mutex mutex_;
  std::optional<std::string> snapshot_ ECHODB_GUARDED_BY(mutex_);
  std::jthread thread_;
};

}  // namespace echodb
