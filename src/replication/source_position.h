#pragma once

#include <atomic>
#include <stop_token>
#include <thread>

#include "config/settings.h"
#include "postgres/lsn.h"

namespace echodb {

/// Where the source's log ends now, asked once a second on a connection of its own: the stream itself says only what it
/// has sent. A thread owns the connection; `latest` may be called from any.
class SourcePosition {
 public:
  explicit SourcePosition(PostgresSettings settings);

  /// 0 before the first answer.
  [[nodiscard]] Lsn latest() const { return Lsn{latest_.load(std::memory_order_relaxed)}; }

 private:
  void watch(std::stop_token stop);

  PostgresSettings settings_;
  std::atomic<std::uint64_t> latest_{0};
  std::jthread thread_;
};

}  // namespace echodb
