#include "base/pause.h"

#include "base/mutex.h"

namespace echodb {

void pause(std::chrono::nanoseconds time, const std::stop_token& stop) {
  const auto until = std::chrono::steady_clock::now() + time;
  Mutex mutex;
  Condition stopped;
  MutexLock lock(mutex);
  while (stopped.wait_until(mutex, stop, until)) continue;
}

}  // namespace echodb
