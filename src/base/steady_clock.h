#pragma once

#include <chrono>

namespace echodb {

/// The steady clock that the engine decides by. A simulation puts a clock of its own in its place; waits for a time
/// (condition variables, sockets) go by the real one.
struct SteadyClock {
  using duration = std::chrono::steady_clock::duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr bool is_steady = true;

  using Source = time_point (*)();
  static time_point now();
  /// From now on `now()` is what this returns. REQUIRES: nobody else asks for the time meanwhile.
  static void replace(Source source);
};

}  // namespace echodb
