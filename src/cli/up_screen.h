#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "cli/replication_progress.h"

namespace echodb {

class UpStack;

/// The one screen of `up`: what runs where, how to reach it, then what is wrong, if anything is, and a last line that
/// follows the replication. On a terminal these are redrawn in place; elsewhere they are printed when something has
/// changed.
class UpScreen {
 public:
  UpScreen();

  /// Something begins, or something unexpected happened.
  void say(const std::string& sentence);
  /// What runs where and how to reach it.
  void show_overview(const UpStack& stack);
  /// What is wrong and the last line; nothing: the worker did not answer.
  void show(const std::optional<ReplicationProgress>& progress);

 private:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] double rows_per_second(const ReplicationProgress& progress);
  [[nodiscard]] bool worth_a_line(const std::optional<ReplicationProgress>& progress);
  void erase();
  void draw(const std::vector<std::string>& lines);

  const bool terminal_;
  std::size_t lines_drawn_ = 0;
  Clock::time_point last_line_;
  std::optional<ReplicationProgress> last_printed_;
  bool ever_printed_ = false;
  std::optional<Clock::time_point> rate_since_;
  std::uint64_t rate_rows_ = 0;
  double rate_ = 0;
};

}  // namespace echodb
