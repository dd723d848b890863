#pragma once

#include <chrono>
#include <csignal>
#include <span>

#include "embedded/file_descriptor.h"

namespace echodb {

/// Ctrl-C, SIGTERM and a closed terminal as something that can be waited for, instead of a handler. Create it in the
/// main thread before any other thread is born; the signals stay blocked as long as it lives.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// True once one of the signals has arrived; it stays true.
  [[nodiscard]] bool requested() const;
  /// Throws Error(Stopped) once one of the signals has arrived.
  void check() const;
  /// Waits until a signal arrives, one of the descriptors becomes readable, or the time is over.
  void wait_for(std::chrono::milliseconds longest, std::span<const int> descriptors = {}) const;

 private:
  FileDescriptor signals_;
  sigset_t before_{};
  mutable bool requested_ = false;
};

}  // namespace echodb
