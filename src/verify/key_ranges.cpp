#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <thread>
#include <unordered_map>

#include "base/log.h"
#include "base/mutex.h"
#include "config/limits.h"
#include "verify/table_comparison.h"

namespace echodb {
namespace {

constexpr std::size_t kRangeRowsMin = 1'000;
/// Ranges that have been read and not compared yet: one wait for the stream serves them all.
constexpr std::size_t kRangesAhead = 6;

/// The source's rows of one range.
struct KeyRange {
  explicit KeyRange(const std::shared_ptr<const TablePlan>& plan) : keys(plan) {}

  SourceMoment moment;
  std::string condition;  ///< of the same rows in the target
  KeyRows keys;
  std::vector<std::uint64_t> digests;
  std::uint64_t sum = 0;
  bool last = false;
};

/// A value of the leading key column as ClickHouse reads it.
std::string target_literal(ValueForm form, const std::string& text, const ColumnBuilder& column, std::size_t row) {
  if (form != ValueForm::Date && form != ValueForm::Timestamp) return text;
  ByteBuffer bytes;
  column.put_row_binary(row, bytes);
  RowBinaryReader reader(bytes.bytes());
  if (form == ValueForm::Date) return fmt::format("addDays(toDate32('1970-01-01'), {})", reader.read<std::int32_t>());
  return fmt::format("fromUnixTimestamp64Micro(toInt64({}), 'UTC')", reader.read<std::int64_t>());
}

/// Reads ranges on a thread of its own, a few ahead of who takes them.
class RangeReader {
 public:
  explicit RangeReader(Comparison& comparison)
      : comparison_(comparison), pace_(comparison.settings.check_rows_per_second), digests_(*comparison.table.plan) {
    const SourceReader::Size size = comparison.source.size();
    const std::uint64_t row_bytes = size.rows == 0 ? 1 : std::max<std::uint64_t>(size.bytes / size.rows, 1);
    rows_ = std::clamp(limits::kCheckRangeBytes / row_bytes, kRangeRowsMin, limits::kCheckRangeRowsMax);
    const std::uint64_t rate = comparison.settings.check_rows_per_second;
    if (rate > 0) rows_ = std::min<std::uint64_t>(rows_, rate);
    thread_ = std::jthread([this](std::stop_token stop) { work(stop); });
  }

  /// Stops reading; the source's reader is free again afterwards.
  void stop() {
    thread_.request_stop();
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  ~RangeReader() { stop(); }

  /// nullptr after the last one. Throws what reading threw.
  std::unique_ptr<KeyRange> take() {
    MutexLock lock(mutex_);
    while (ready_.empty() && !done_) changed_.wait(mutex_);
    if (ready_.empty()) {
      if (failure_) std::rethrow_exception(failure_);
      return nullptr;
    }
    std::unique_ptr<KeyRange> range = std::move(ready_.front());
    ready_.pop_front();
    changed_.notify_all();
    return range;
  }

 private:
  void work(const std::stop_token& stop) {
    std::exception_ptr failure;
    try {
      for (bool last = false; !last && !stop.stop_requested();) {
        std::unique_ptr<KeyRange> range = read();
        last = range->last;
        pace_.read(range->digests.size(), comparison_.stop);
        MutexLock lock(mutex_);
        while (ready_.size() >= kRangesAhead && !stop.stop_requested()) changed_.wait(mutex_, stop);
        ready_.push_back(std::move(range));
        changed_.notify_all();
      }
    } catch (...) {
      failure = std::current_exception();
    }
    MutexLock lock(mutex_);
    failure_ = failure;
    done_ = true;
    changed_.notify_all();
  }

  std::unique_ptr<KeyRange> read() {
    const CheckedTable& table = comparison_.table;
    auto range = std::make_unique<KeyRange>(table.plan);
    range->moment = comparison_.source.begin(limits::kStatementTimeout);
    std::vector<const ColumnBuilder*> key;
    comparison_.source.read_range(above_, rows_, [&](TableBatch& batch) {
      key.clear();
      for (std::size_t column : table.plan->key()) key.push_back(&batch.column(column));
      for (std::size_t row = 0; row < batch.rows(); ++row) {
        range->keys.add(key, row);
        range->digests.push_back(digests_.row(batch, row));
        range->sum += range->digests.back();
      }
    });
    comparison_.source.commit();
    bound(*range);
    return range;
  }

  /// Everything above the last range's end, up to this one's, which is the end of the table when there was less than
  /// asked for.
  void bound(KeyRange& range) {
    const std::size_t leading = comparison_.table.plan->key().front();
    const std::string name = comparison_.table.quoted(leading);
    range.last = range.digests.size() < rows_;
    if (!above_in_target_.empty()) range.condition = fmt::format("{} > {}", name, above_in_target_);
    if (range.last) return;
    const std::size_t row = range.keys.rows() - 1;
    const std::string text = range.keys.text(row, 0);
    above_ = quote_sql_literal(text);
    above_in_target_ =
        target_literal(comparison_.table.plan->columns()[leading].type.form, text, range.keys.column(0), row);
    range.condition += fmt::format("{}{} <= {}", range.condition.empty() ? "" : " AND ", name, above_in_target_);
  }

  Comparison& comparison_;
  Pace pace_;
  BatchDigests digests_;
  std::size_t rows_ = 0;
  std::string above_;  ///< the last range's end, as the source reads it; empty: none was read
  std::string above_in_target_;

  Mutex mutex_;
  Condition changed_;
  std::deque<std::unique_ptr<KeyRange>> ready_ ECHODB_GUARDED_BY(mutex_);
  bool done_ ECHODB_GUARDED_BY(mutex_) = false;
  std::exception_ptr failure_ ECHODB_GUARDED_BY(mutex_);
  std::jthread thread_;
};

/// Adds the rows of a range that differ.
class RangeNarrowing {
 public:
  RangeNarrowing(Comparison& comparison, KeyRange& range) : comparison_(comparison), range_(range) {}

  void run() {
    for (std::size_t row = 0; row < range_.digests.size(); ++row) places_[range_.keys.digest(row)] = row;
    const Lsn log_end = comparison_.position.log_end();
    PieceDigests digests(comparison_);
    const std::size_t before = comparison_.settlement.candidates();
    comparison_.target.read(digests.columns(), digests.digests(), range_.condition, [&](TargetRows& piece) {
      for (std::size_t row = 0; row < piece.rows(); ++row) compare(digests, piece, row, log_end);
    });
    for (const auto& [digest, row] : places_) add(range_.keys, row);
    log::debug("{}: {} rows in doubt where {}", comparison_.table.qualified_name(),
               comparison_.settlement.candidates() - before,
               range_.condition.empty() ? "everything is one range" : range_.condition);
  }

 private:
  void compare(PieceDigests& digests, const TargetRows& piece, std::size_t row, Lsn log_end) {
    auto place = places_.find(digests.key(piece, row));
    // A version beyond the end of the log may be that of a change since; the settlement asks again.
    if (place != places_.end() && range_.digests[place->second] == digests.row(piece, row) &&
        piece.versions[row] < log_end.value) {
      places_.erase(place);
    } else if (place == places_.end()) {
      KeyRows key(comparison_.table.plan);
      key.add(digests.key_columns(piece), row);
      add(key, 0);
    }
  }

  void add(const KeyRows& keys, std::size_t row) {
    comparison_.too_many = !comparison_.settlement.add(keys, row) || comparison_.too_many;
  }

  Comparison& comparison_;
  KeyRange& range_;
  std::unordered_map<std::uint64_t, std::size_t> places_;  ///< by the key's digest: the source's rows not found yet
};

bool sums_agree(Comparison& comparison, const KeyRange& range) {
  if (!comparison.sums_suffice()) return false;
  const TargetReader::Totals totals = comparison.target.totals(range.condition);
  if (totals.rows != range.digests.size() || totals.digest_sum != range.sum) return false;
  return totals.newest < range.moment.before || totals.newest < comparison.position.log_end();
}

}  // namespace

bool has_key_ranges(const Comparison& comparison) {
  const std::size_t leading = comparison.table.plan->key().front();
  const TargetType& type = comparison.table.plan->columns()[leading].type;
  if (comparison.table.plan->schema().relkind != 'r' || type.is_array() || type.read_as || type.nullable ||
      comparison.table.target_types[leading].nullable) {
    return false;
  }
  switch (type.form) {
    case ValueForm::Int16:
    case ValueForm::Int32:
    case ValueForm::Int64:
    case ValueForm::UInt32:
    case ValueForm::Date:
    case ValueForm::Timestamp: return comparison.source.lies_in_key_order();
    default: return false;
  }
}

void compare_by_key_ranges(Comparison& comparison) {
  const std::uint64_t of = comparison.source.size().rows;
  RangeReader reader(comparison);
  while (std::unique_ptr<KeyRange> range = reader.take()) {
    comparison.position.await_applied(range->moment.after);
    comparison.compared_as_of(range->moment.before);
    comparison.source_rows += range->digests.size();
    if (!sums_agree(comparison, *range)) RangeNarrowing(comparison, *range).run();
    if (comparison.on_progress) comparison.on_progress(comparison.source_rows, of);
    if (comparison.too_many) break;
  }
  reader.stop();
}

}  // namespace echodb
