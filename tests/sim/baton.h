#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

#include "base/steady_clock.h"
#include "sim/random.h"

namespace echodb::sim {

/// The process dies here. Not an exception that anybody on the way catches.
struct Crash {};

/// Threads of which one runs at a time, and the seed says which is next: whoever runs passes the baton on at each
/// point where the world could be faster or slower than it, and so all that may happen at once happens in some order.
/// Time is the run's own: it moves a little with each pass.
class Baton {
 public:
  explicit Baton(Random& random);
  ~Baton();
  Baton(const Baton&) = delete;
  Baton& operator=(const Baton&) = delete;

  /// A thread that does this until end(). Called by the main thread, which is one of them.
  void add(std::function<void()> body);
  /// Lets others go on. Throws Crash once the process is dead.
  void pass();
  /// The process dies: every other thread leaves at its next pass. Does not return.
  [[noreturn]] void crash();
  /// From here on the threads end at their next pass; returns when they have. Called by the main thread.
  void end();
  [[nodiscard]] bool is_ending() const { return ending_; }

  /// Nothing happens for so long.
  static void let_pass(SteadyClock::duration time);

 private:
  struct Runner {
    std::condition_variable turn;
    std::jthread thread;
    bool ended = false;
  };
  void run(std::size_t index, const std::function<void()>& body);
  void hand_over(std::unique_lock<std::mutex>& lock, std::size_t to);
  [[nodiscard]] std::size_t choose();

  Random& random_;
  std::mutex mutex_;
  std::deque<Runner> runners_;  ///< the first is the main thread
  std::size_t current_ = 0;
  bool ending_ = false;
};

}  // namespace echodb::sim
