#include "embedded/runner_threads.h"

#include <pthread.h>

#include <utility>

namespace echodb {

RunnerThreads::~RunnerThreads() {
  std::vector<std::jthread> threads;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    threads = std::move(threads_);
  }
  wake_.notify_all();
}

void RunnerThreads::run(std::function<void()> task) {
  MutexLock lock(mutex_);
  tasks_.push_back(std::move(task));
  if (idle_ < tasks_.size()) {
    threads_.emplace_back([this] {
      pthread_setname_np(pthread_self(), "ch-runner");
      serve();
    });
  } else {
    wake_.notify_one();
  }
}

void RunnerThreads::serve() {
  MutexLock lock(mutex_);
  for (;;) {
    ++idle_;
    while (!stopping_ && tasks_.empty()) wake_.wait(mutex_);
    --idle_;
    if (tasks_.empty()) return;
    auto task = std::move(tasks_.front());
    tasks_.pop_front();
    MutexUnlock unlocked(mutex_);
    task();
    task = nullptr;
  }
}

}  // namespace echodb
