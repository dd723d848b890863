#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "config/settings.h"
#include "embedded/child_process.h"
#include "embedded/stop_signals.h"

namespace echodb {

/// A whole `echodb up` of its own: default settings but for free ports and a temporary data directory, which goes with
/// this object. PostgreSQL keeps fsync and synchronous_commit on, as `up` starts it.
class Stack {
 public:
  Stack(const std::string& echodb, const std::string& chdb_library);
  ~Stack();
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  /// How its two databases are reached.
  [[nodiscard]] const Settings& settings() const { return settings_; }
  /// Throws Error(SystemFailure) with the end of its log when it has ended.
  void expect_running();

 private:
  std::filesystem::path directory_;
  Settings settings_;
  std::unique_ptr<ChildProcess> up_;
};

}  // namespace echodb
