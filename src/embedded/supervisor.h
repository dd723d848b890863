#pragma once

#include <functional>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "embedded/child_process.h"

namespace echodb {

/// Keeps children running: one that ends by itself is started again after a pause that grows from half a second to
/// half a minute and starts over once it has run for a minute. Children are stopped in reverse order of their start,
/// at the latest when the supervisor is destroyed. Used from the main thread only.
class Supervisor {
 public:
  using Notice = std::function<void(const std::string&)>;
  using Prepare = std::function<void()>;

  /// `notice` gets one sentence for each unexpected end and each new start, for people to read.
  explicit Supervisor(Notice notice) : notice_(std::move(notice)) {}
  ~Supervisor() { stop(); }
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// Starts a child and watches it from now on. `prepare` runs before every later start, to clear what a crash left.
  void start(ChildCommand command, Prepare prepare = {});
  /// Reaps children that have ended and starts again those whose pause is over.
  void tend();
  /// How this child ended, if it has: while all is being set up nothing is started again.
  std::optional<ExitStatus> ended(const std::string& name);
  /// Readable descriptors mean there is something to tend.
  [[nodiscard]] std::vector<int> descriptors() const;
  /// The child's process id, 0 while it does not run.
  [[nodiscard]] pid_t pid(const std::string& name) const;

  /// Stops all, in reverse order. Returns what did not end cleanly, one sentence each.
  std::vector<std::string> stop();

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kPauseMin{500};
  static constexpr std::chrono::milliseconds kPauseMax{30'000};
  static constexpr std::chrono::milliseconds kSettled{60'000};

  struct Member {
    ChildCommand command;
    Prepare prepare;
    std::optional<ChildProcess> child;
    Clock::time_point started;
    Clock::time_point start_again;
    std::chrono::milliseconds pause = kPauseMin;
  };

  void note_end(Member& member, const ExitStatus& status);
  void start_again(Member& member);

  Notice notice_;
  std::list<Member> members_;
};

}  // namespace echodb
