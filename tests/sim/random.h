#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace echodb::sim {

/// All choices of a run come from one seed: the same seed is the same run.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  /// 0 to `end` - 1. REQUIRES: `end` > 0.
  std::size_t below(std::size_t end) { return static_cast<std::size_t>(engine_() % end); }
  /// True so many times of a thousand.
  bool chance(unsigned of_thousand) { return engine_() % 1000 < of_thousand; }
  template <typename T>
  T& of(std::vector<T>& all) {
    return all[below(all.size())];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace echodb::sim
