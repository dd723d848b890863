#include "base/late_stop.h"

#include <condition_variable>
#include <mutex>

namespace echodb {

LateStop::LateStop(std::stop_token first, std::chrono::milliseconds later)
    : waiting_([this, first = std::move(first), later](std::stop_token over) {
        std::mutex mutex;
        std::condition_variable_any changed;
        std::stop_callback wake(first, [&] {
          { std::lock_guard lock(mutex); }
          changed.notify_all();
        });
        std::unique_lock lock(mutex);
        changed.wait(lock, over, [&] { return first.stop_requested(); });
        changed.wait_for(lock, over, later, [] { return false; });
        if (!over.stop_requested()) late_.request_stop();
      }) {}

}  // namespace echodb
