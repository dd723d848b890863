#include "base/late_stop.h"

#include "base/mutex.h"
#include "base/pause.h"

namespace echodb {
namespace {

void await_either(const std::stop_token& first, const std::stop_token& second) {
  Mutex mutex;
  Condition stopped;
  std::stop_callback wake(first, [&] {
    { MutexLock lock(mutex); }
    stopped.notify_all();
  });
  MutexLock lock(mutex);
  while (!first.stop_requested() && !second.stop_requested()) stopped.wait(mutex, second);
}

}  // namespace

LateStop::LateStop(std::stop_token first, std::chrono::milliseconds later)
    : waiting_([this, first = std::move(first), later](std::stop_token over) {
        await_either(first, over);
        pause(later, over);
        if (!over.stop_requested()) late_.request_stop();
      }) {}

}  // namespace echodb
