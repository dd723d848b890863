#pragma once

#include <memory>
#include <set>
#include <string>

#include "base/mutex.h"

namespace echodb {

/// Query ids in use, so that none runs twice at once.
class RunningQueryIds {
 public:
  /// Frees the id when destroyed.
  class Claim {
   public:
    Claim(RunningQueryIds& owner, std::string id) : owner_(owner), id_(std::move(id)) {}
    ~Claim() { owner_.release(id_); }
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

   private:
    RunningQueryIds& owner_;
    std::string id_;
  };

  /// Throws QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING.
  std::unique_ptr<Claim> claim(const std::string& id);

 private:
  void release(const std::string& id) ECHODB_EXCLUDES(mutex_);

  Mutex mutex_;
  std::set<std::string> running_ ECHODB_GUARDED_BY(mutex_);
};

}  // namespace echodb
