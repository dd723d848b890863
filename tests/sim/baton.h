#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <utility>

#include "base/steady_clock.h"
#include "sim/fiber.h"
#include "sim/random.h"

namespace echodb::sim {

/// The process dies here. Not an exception that anybody on the way catches.
struct Crash {};

/// What would be threads are fibers of one thread, and the seed says which is next: the one that runs passes the baton
/// on at each point where the world could be faster or slower than it, and so all that may happen at once happens in
/// some order.
/// Time is the run's own: it moves a little with each pass.
class Baton {
 public:
  explicit Baton(Random& random);
  ~Baton();
  Baton(const Baton&) = delete;
  Baton& operator=(const Baton&) = delete;

  /// One that does this until end(). Called by the first, which runs the simulation.
  void add(std::function<void()> body);
  /// Lets others go on. Throws Crash once the process is dead.
  void pass();
  /// The process dies: every other one leaves at its next pass. Does not return.
  [[noreturn]] void crash();
  /// From here on the others end at their next pass; returns when they have. Called by the first.
  void end();
  [[nodiscard]] bool is_ending() const { return ending_; }

  /// Nothing happens for so long.
  static void let_pass(SteadyClock::duration time);

 private:
  struct Runner {
    Runner() = default;
    explicit Runner(std::function<void()> body) : fiber(std::move(body)) {}
    Fiber fiber;
    bool ended = false;
  };
  void run(std::size_t index, const std::function<void()>& body);
  void hand_over(std::size_t to);
  [[nodiscard]] std::size_t choose();

  Random& random_;
  std::deque<Runner> runners_;
  std::size_t current_ = 0;
  bool ending_ = false;
};

}  // namespace echodb::sim
