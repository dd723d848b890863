#pragma once

#include <atomic>
#include <functional>

#include "verify/heap_walk.h"
#include "verify/settlement.h"

namespace echodb {

/// What a comparison works with, and what it has found so far. The candidates are in `settlement`.
struct Comparison {
  const Settings& settings;
  const CheckedTable& table;
  SourceReader& source;
  TargetReader& target;
  StreamPosition& position;
  Settlement& settlement;
  CheckMode mode;
  std::function<void(std::uint64_t rows, std::uint64_t of)> on_progress;
  std::stop_token stop;

  std::uint64_t source_rows = 0;
  Lsn as_of;              ///< the earliest position of what was compared
  bool too_many = false;  ///< candidates: the rest of the table was not looked at

  /// Only sums are compared, until they differ.
  [[nodiscard]] bool sums_suffice() const { return mode == CheckMode::Fingerprint && table.in_place; }
  void compared_as_of(Lsn position_of_rows) {
    if (!as_of || position_of_rows < as_of) as_of = position_of_rows;
  }
};

/// Digests of batches' rows.
class BatchDigests {
 public:
  explicit BatchDigests(const TablePlan& plan);
  [[nodiscard]] std::uint64_t row(TableBatch& batch, std::size_t row);
  [[nodiscard]] std::uint64_t key(TableBatch& batch, std::size_t row);

 private:
  const TablePlan& plan_;
  std::vector<ValueDigest> values_;
};

/// The same of the target's rows, whose pieces hold the key's columns and a digest, or all columns of the plan.
class PieceDigests {
 public:
  explicit PieceDigests(const Comparison& comparison);
  /// What to read, so that a piece holds what is needed here.
  [[nodiscard]] const std::vector<std::size_t>& columns() const { return columns_; }
  [[nodiscard]] TargetReader::Digests digests() const { return in_place_; }

  [[nodiscard]] std::uint64_t row(const TargetRows& piece, std::size_t row);
  [[nodiscard]] std::uint64_t key(const TargetRows& piece, std::size_t row);
  [[nodiscard]] std::vector<const ColumnBuilder*> key_columns(const TargetRows& piece) const;

 private:
  TargetReader::Digests in_place_;
  std::vector<std::size_t> columns_;
  std::vector<std::size_t> key_;  ///< indexes into columns_
  std::vector<ValueDigest> values_;
};

// Each compares the whole table and adds what differs to the settlement.

/// Whether the key's leading column has the same order on both sides and cuts the table into ranges.
bool has_key_ranges(const Comparison& comparison);
/// Range by range of the leading key column. A thread reads and digests the source's ranges while this one waits for
/// the stream and asks the target.
void compare_by_key_ranges(Comparison& comparison);

/// By the keys' digests, for keys that the two sides order differently: the source is read in ranges of its heap, the
/// target whole, and the digests are compared in memory; in parts by the keys' digests when there are too many rows.
void compare_by_key_digests(Comparison& comparison);

/// Only some rows of either side, at random.
void compare_sample(Comparison& comparison);

}  // namespace echodb
