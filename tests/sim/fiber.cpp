#include "sim/fiber.h"

#include <cxxabi.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace echodb::sim {
namespace {

constexpr std::size_t kStackBytes = 1 << 20;

#if defined(__SANITIZE_ADDRESS__)
/// From where the present one was gone to.
Fiber* left = nullptr;
#endif

/// Stacks that are free: a run has many lives, and each has the same number of fibers.
std::vector<std::byte*>& free_stacks() {
  static std::vector<std::byte*> stacks;
  return stacks;
}

std::byte* take_stack() {
  if (!free_stacks().empty()) {
    std::byte* stack = free_stacks().back();
    free_stacks().pop_back();
    return stack;
  }
  void* memory = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) throw std::runtime_error("no memory for a stack");
  return static_cast<std::byte*>(memory);
}

}  // namespace

Fiber::Fiber() : exceptions_{} {
#if defined(__SANITIZE_THREAD__)
  tsan_ = __tsan_get_current_fiber();
#endif
}

Fiber::Fiber(std::function<void()> body) : body_(std::move(body)), stack_(take_stack()), exceptions_{} {
  bottom_ = stack_;
  size_ = kStackBytes;
#if defined(__SANITIZE_THREAD__)
  tsan_ = __tsan_create_fiber(0);
#endif
  getcontext(&context_);
  context_.uc_stack.ss_sp = stack_;
  context_.uc_stack.ss_size = kStackBytes;
  context_.uc_link = nullptr;
  // makecontext hands on nothing wider than int.
  constexpr unsigned kHalf = 32;
  const auto self = reinterpret_cast<std::uintptr_t>(this);
  makecontext(&context_, reinterpret_cast<void (*)()>(&Fiber::enter), 2, static_cast<unsigned>(self >> kHalf),
              static_cast<unsigned>(self));
}

Fiber::~Fiber() {
  if (stack_ == nullptr) return;
#if defined(__SANITIZE_THREAD__)
  __tsan_destroy_fiber(tsan_);
#endif
  free_stacks().push_back(stack_);
}

void Fiber::enter(unsigned high, unsigned low) {
  constexpr unsigned kHalf = 32;
  auto* self = reinterpret_cast<Fiber*>(static_cast<std::uintptr_t>(high) << kHalf | low);
  self->arrive();
  self->body_();
  std::terminate();
}

void Fiber::go(Fiber& from, Fiber& to) {
  from.leave_to(to);
  swapcontext(&from.context_, &to.context_);
  from.arrive();
}

/// What the runtime keeps for a thread, in its globals, is the fiber's own: exceptions that it handles, or that are on
/// their way through its frames.
void Fiber::leave_to([[maybe_unused]] Fiber& to) {
  std::memcpy(exceptions_.data(), abi::__cxa_get_globals(), exceptions_.size());
#if defined(__SANITIZE_ADDRESS__)
  left = this;
  __sanitizer_start_switch_fiber(&fake_stack_, to.bottom_, to.size_);
#endif
#if defined(__SANITIZE_THREAD__)
  __tsan_switch_to_fiber(to.tsan_, 0);
#endif
}

void Fiber::arrive() {
#if defined(__SANITIZE_ADDRESS__)
  // Where the thread's own stack lies is learned when it is left.
  __sanitizer_finish_switch_fiber(fake_stack_, &left->bottom_, &left->size_);
#endif
  std::memcpy(abi::__cxa_get_globals(), exceptions_.data(), exceptions_.size());
}

}  // namespace echodb::sim
