#pragma once

#include <functional>

#include "base/mutex.h"
#include "replication/worker_status.h"

namespace echodb {

/// Where the stream's thread puts its status and the HTTP threads read it.
class StatusBoard {
 public:
  using Complete = std::function<void(WorkerStatus&)>;

  /// What is known of the slot and the installation is not the stream's: it stays.
  void put(WorkerStatus status) {
    MutexLock lock(mutex_);
    status.slot = std::move(status_.slot);
    status.installation = std::move(status_.installation);
    status_ = std::move(status);
  }
  [[nodiscard]] WorkerStatus get() const {
    MutexLock lock(mutex_);
    WorkerStatus status = status_;
    if (complete_) complete_(status);
    return status;
  }
  /// Changes a part of it.
  template <typename Change>
  void update(Change change) {
    MutexLock lock(mutex_);
    change(status_);
  }
  /// Fills in what is known at the moment of asking, from now on; must not come back here.
  void complete_with(Complete complete) {
    MutexLock lock(mutex_);
    complete_ = std::move(complete);
  }

 private:
  mutable Mutex mutex_;
  WorkerStatus status_ ECHODB_GUARDED_BY(mutex_);
  Complete complete_ ECHODB_GUARDED_BY(mutex_);
};

}  // namespace echodb
