#pragma once

#include <chrono>

namespace echodb {

/// Decides whether something that may fail is tried at all, and learns how it went (control/circuit_breaker.h). All
/// attempts of a process to reach one server go through one gate; any thread may call.
class AttemptGate {
 public:
  enum class Entry {
    Go,     ///< as ever
    Probe,  ///< whether it works again is to be found out: try something cheap first, then enter again
  };

  virtual ~AttemptGate() = default;

  /// Throws the server's unreachable error, with the gate's name under "breaker", when this is not the time to try.
  /// Every entry ends with one of the three that follow.
  virtual Entry enter() = 0;
  virtual void succeeded() noexcept = 0;
  virtual void failed() noexcept = 0;
  virtual void abandoned() noexcept = 0;
  /// How long until an attempt may be made; 0: now.
  [[nodiscard]] virtual std::chrono::milliseconds pause() const noexcept = 0;

  class Attempt;
};

/// One attempt: enters when made, and counts as abandoned when nobody says how it went. Without a gate it does nothing.
class AttemptGate::Attempt {
 public:
  explicit Attempt(AttemptGate* gate) : gate_(gate), entry_(gate == nullptr ? Entry::Go : gate->enter()) {}
  ~Attempt() {
    if (gate_ != nullptr) gate_->abandoned();
  }
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  [[nodiscard]] bool is_probe() const { return entry_ == Entry::Probe; }
  void succeeded() noexcept {
    if (gate_ != nullptr) gate_->succeeded();
    gate_ = nullptr;
  }
  void failed() noexcept {
    if (gate_ != nullptr) gate_->failed();
    gate_ = nullptr;
  }

 private:
  AttemptGate* gate_;
  Entry entry_;
};

}  // namespace echodb
