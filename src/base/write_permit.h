#pragma once

namespace echodb {

/// Whether this process may write to the target now (catalog/lease.h). Any thread may ask, at any moment: it costs a
/// look at the clock.
class WritePermit {
 public:
  virtual ~WritePermit() = default;
  [[nodiscard]] virtual bool held() const noexcept = 0;
  /// Throws Error(LeadershipLost) with the reason when it is not held.
  virtual void expect() const = 0;
};

}  // namespace echodb
