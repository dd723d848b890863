#pragma once

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace echodb {

/// Threads that wait for work: a new one is born only when all are busy, and none ends before the destructor, since a
/// thread's first statement in libchdb costs milliseconds.
class RunnerThreads {
 public:
  RunnerThreads() = default;
  /// Waits for what still runs.
  ~RunnerThreads();
  RunnerThreads(const RunnerThreads&) = delete;
  RunnerThreads& operator=(const RunnerThreads&) = delete;

  /// Runs `task` at once; it must not throw.
  void run(std::function<void()> task);

 private:
  void serve();

  Mutex mutex_;
  Condition wake_;
  std::deque<std::function<void()>> tasks_ ECHODB_GUARDED_BY(mutex_);
  std::size_t idle_ ECHODB_GUARDED_BY(mutex_) = 0;
  bool stopping_ ECHODB_GUARDED_BY(mutex_) = false;
  std::vector<std::jthread> threads_ ECHODB_GUARDED_BY(mutex_);
};

}  // namespace echodb
