#pragma once

#include <functional>
#include <stop_token>

#include "verify/source_reader.h"

namespace echodb {

/// Keeps the reading below ECHODB_CHECK_ROWS_PER_SECOND, on the average.
class Pace {
 public:
  explicit Pace(std::uint64_t rows_per_second) : rows_per_second_(rows_per_second) {}
  void read(std::uint64_t rows, const std::stop_token& stop);

 private:
  std::uint64_t rows_per_second_;
  std::uint64_t rows_ = 0;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

/// Reads all rows of a table in ranges of its heaps, each at a moment of its own: a short transaction, after which the
/// pace is kept. A row that moves from one range to another meanwhile was updated, and may be read twice or not at all;
/// when the heap itself was replaced (VACUUM FULL, CLUSTER, TRUNCATE) the whole walk begins again.
class HeapWalk {
 public:
  HeapWalk(SourceReader& source, std::uint64_t rows_per_second, std::stop_token stop)
      : source_(source), rows_per_second_(rows_per_second), pace_(rows_per_second), stop_(std::move(stop)) {}

  struct Steps {
    std::function<void()> on_start;  ///< what was read before does not count
    SourceReader::OnBatch on_batch;
    std::function<void(std::uint64_t rows)> on_progress = {};  ///< rows of this walk so far
    /// All ranges at one moment instead, without a pause, in a transaction that may last so long; 0: see above.
    std::chrono::milliseconds at_one_moment{0};
  };
  /// From the first moment's `before` to the last one's `after`, with the transactions that were in progress at the
  /// first. Throws Error(SourceBusy) when the heaps are replaced again and again, or one moment lasts too long.
  SourceMoment run(const Steps& steps);

 private:
  std::optional<SourceMoment> attempt(const Steps& steps);
  std::chrono::milliseconds statement_timeout(const CopyRange& range, const Steps& steps) const;

  SourceReader& source_;
  std::uint64_t rows_per_second_;
  Pace pace_;
  std::stop_token stop_;
};

}  // namespace echodb
