#include "verify/heap_walk.h"

#include "base/pause.h"
#include "config/limits.h"

namespace echodb {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kWalksMax = 3;

}  // namespace

void Pace::read(std::uint64_t rows, const std::stop_token& stop) {
  if (rows_per_second_ == 0) return;
  rows_ += rows;
  const std::chrono::duration<double> due(static_cast<double>(rows_) / static_cast<double>(rows_per_second_));
  pause(began_ + std::chrono::duration_cast<Clock::duration>(due) - Clock::now(), stop);
}

SourceMoment HeapWalk::run(const Steps& steps) {
  for (int number = 0; number < kWalksMax; ++number) {
    if (std::optional<SourceMoment> seen = attempt(steps)) return *std::move(seen);
  }
  throw Error(ErrorCode::SourceBusy, "the table was written anew (VACUUM FULL, CLUSTER) each time it was read");
}

/// One statement reads the whole heap where there is no reading by blocks: it takes as long as it takes.
std::chrono::milliseconds HeapWalk::statement_timeout(const CopyRange& range, const Steps& steps) const {
  if (steps.at_one_moment.count() > 0) return steps.at_one_moment;
  const bool is_whole_heap = !range.end_block && range.first_block == 0;
  return is_whole_heap ? std::chrono::milliseconds(0) : std::chrono::milliseconds(limits::kStatementTimeout);
}

/// nullopt when the heaps were replaced meanwhile.
std::optional<SourceMoment> HeapWalk::attempt(const Steps& steps) {
  const bool at_one_moment = steps.at_one_moment.count() > 0;
  const auto until = Clock::now() + steps.at_one_moment;
  steps.on_start();
  std::optional<SourceMoment> seen;
  std::uint64_t rows = 0;
  const std::vector<CopyRange> ranges = source_.ranges(at_one_moment ? 0 : rows_per_second_);
  for (const CopyRange& range : ranges) {
    if (!at_one_moment || !seen) {
      SourceMoment moment = source_.begin(statement_timeout(range, steps));
      if (seen) {
        seen->after = moment.after;
      } else {
        seen = std::move(moment);
      }
    }
    const std::uint64_t read = source_.read_blocks(range, steps.on_batch);
    if (!at_one_moment) source_.commit();
    rows += read;
    if (steps.on_progress) steps.on_progress(rows);
    if (!at_one_moment) pace_.read(read, stop_);
    if (at_one_moment && Clock::now() > until) {
      source_.rollback();
      throw Error(ErrorCode::SourceBusy, "the table is too large to be read at one moment");
    }
  }
  if (at_one_moment && seen) source_.commit();
  if (!source_.are_heaps(ranges)) return std::nullopt;
  if (seen) return seen;
  // A partitioned table without partitions has no rows at any moment.
  seen = source_.begin(limits::kStatementTimeout);
  source_.commit();
  return seen;
}

}  // namespace echodb
