#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>

namespace echodb {

/// How large the values are, in bytes, that a table's changes do not bring and that have to be looked up: so that a
/// batch is sealed, and as many keys are asked for at once, as there is memory for what will be found. Writers learn
/// it, the stream's thread reads it.
class MissingValueSize {
 public:
  [[nodiscard]] std::size_t expected() const { return bytes_.load(std::memory_order_relaxed); }

  /// The mean of a batch's values. Larger ones count at once, smaller ones little by little.
  void learn(std::size_t bytes) {
    std::size_t known = expected();
    std::size_t less = known - known / 4;
    bytes_.store(is_known_.exchange(true, std::memory_order_relaxed) ? std::max(bytes, less) : bytes,
                 std::memory_order_relaxed);
  }

 private:
  /// Before the first batch: of few rows, whatever is in them.
  static constexpr std::size_t kUnknown = 256 * 1024;
  std::atomic<std::size_t> bytes_{kUnknown};
  std::atomic<bool> is_known_{false};
};

}  // namespace echodb
