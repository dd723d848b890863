#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "cli/replication_progress.h"

namespace echodb {

class UpStack;

/// The one screen of `up`: what runs where, how to reach it, then a last line that follows the replication. On a
/// terminal that line is redrawn in place; elsewhere a new one is printed when something has changed.
class UpScreen {
 public:
  UpScreen();

  /// Something begins, or something unexpected happened.
  void say(const std::string& sentence);
  /// What runs where and how to reach it.
  void show_overview(const UpStack& stack);
  /// The last line; nothing: the worker did not answer.
  void show(const std::optional<ReplicationProgress>& progress);

 private:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] double rows_per_second(const ReplicationProgress& progress);
  [[nodiscard]] std::string describe(const ReplicationProgress& progress);
  [[nodiscard]] bool worth_a_line(const std::optional<ReplicationProgress>& progress);
  void draw(const std::string& line);

  const bool terminal_;
  bool line_drawn_ = false;
  Clock::time_point last_line_;
  std::optional<ReplicationProgress> last_printed_;
  bool ever_printed_ = false;
  std::optional<Clock::time_point> rate_since_;
  std::uint64_t rate_rows_ = 0;
  double rate_ = 0;
};

}  // namespace echodb
