#pragma once

#include <mutex>

#include "replication/worker_status.h"

namespace echodb {

/// Where the stream's thread puts its status and the HTTP threads read it.
class StatusBoard {
 public:
  /// The slot's part is not the stream's: it stays.
  void put(WorkerStatus status) {
    std::lock_guard lock(mutex_);
    status.slot = std::move(status_.slot);
    status_ = std::move(status);
  }
  [[nodiscard]] WorkerStatus get() const {
    std::lock_guard lock(mutex_);
    return status_;
  }
  /// Changes a part of it.
  template <typename Change>
  void update(Change change) {
    std::lock_guard lock(mutex_);
    change(status_);
  }

 private:
  mutable std::mutex mutex_;
  WorkerStatus status_;
};

}  // namespace echodb
