#pragma once

#include <ucontext.h>

#include <array>
#include <cstddef>
#include <functional>

namespace echodb::sim {

/// A flow of control with a stack of its own. Going from one to the other costs a function call or two, where threads
/// have the kernel wake one and put the other to sleep: a run goes to and fro some ten thousand times.
class Fiber {
 public:
  /// What runs now. Has to be the first of a thread's.
  Fiber();
  /// Runs when somebody first goes there. Has to leave by going to another one, and never returns.
  explicit Fiber(std::function<void()> body);
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// From the one that runs; returns when somebody goes back to it.
  static void go(Fiber& from, Fiber& to);

 private:
  static void enter(unsigned high, unsigned low);
  void leave_to(Fiber& to);
  void arrive();

  ucontext_t context_{};
  std::function<void()> body_;
  std::byte* stack_ = nullptr;            ///< null: the thread's
  std::array<std::byte, 16> exceptions_;  ///< __cxa_eh_globals: those being handled, and how many are on their way
  // For the sanitizers, which follow the stack.
  const void* bottom_ = nullptr;
  std::size_t size_ = 0;
  void* fake_stack_ = nullptr;
  void* tsan_ = nullptr;
};

}  // namespace echodb::sim
