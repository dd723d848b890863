#pragma once

#include <chrono>
#include <stop_token>
#include <thread>

namespace echodb {

/// A token that is raised some time after another one: for what should still be written down when it is time to stop,
/// and must not be waited for longer than that.
class LateStop {
 public:
  LateStop(std::stop_token first, std::chrono::milliseconds later);
  LateStop(const LateStop&) = delete;
  LateStop& operator=(const LateStop&) = delete;
  [[nodiscard]] std::stop_token token() const { return late_.get_token(); }

 private:
  std::stop_source late_;
  std::jthread waiting_;
};

}  // namespace echodb
