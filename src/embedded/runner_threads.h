#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

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

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  std::size_t idle_ = 0;
  bool stopping_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace echodb
