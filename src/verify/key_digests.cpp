#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "base/log.h"
#include "config/limits.h"
#include "verify/table_comparison.h"

namespace echodb {
namespace {

/// One row, by digests.
struct Entry {
  std::uint64_t key;
  std::uint64_t row;

  auto operator<=>(const Entry&) const = default;
};

/// The rows whose keys' digests fall on `number` of `count`.
struct Part {
  std::uint64_t number;
  std::uint64_t count;

  [[nodiscard]] bool has(std::uint64_t key_digest) const { return key_digest % count == number; }
};

/// Keys that a statement can name by their digests.
constexpr std::size_t kDigestsNamedMax = 10'000;

class DigestComparison {
 public:
  explicit DigestComparison(Comparison& comparison)
      : comparison_(comparison),
        table_(comparison.table),
        digests_(*comparison.table.plan),
        walk_(comparison.source, comparison.settings.check_rows_per_second, comparison.stop) {}

  void run() {
    const std::uint64_t estimate = std::max(comparison_.source.size().rows, comparison_.target.count({}));
    const std::uint64_t parts = estimate / limits::kCheckPartRowsMax + 1;
    for (std::uint64_t number = 0; number < parts && !comparison_.too_many; ++number) {
      compare({.number = number, .count = parts}, estimate * parts);
    }
  }

 private:
  void compare(const Part& part, std::uint64_t rows_to_read) {
    std::vector<Entry> source;
    std::uint64_t sum = 0;
    const SourceMoment seen = walk_.run({.on_start =
                                             [&] {
                                               source.clear();
                                               sum = 0;
                                             },
                                         .on_batch =
                                             [&](TableBatch& batch) {
                                               for (std::size_t row = 0; row < batch.rows(); ++row) {
                                                 const std::uint64_t key = digests_.key(batch, row);
                                                 if (!part.has(key)) continue;
                                                 source.push_back({.key = key, .row = digests_.row(batch, row)});
                                                 sum += source.back().row;
                                               }
                                             },
                                         .on_progress = [&](std::uint64_t rows) { report(rows, rows_to_read); }});
    rows_read_ = rows_shown_;
    comparison_.compared_as_of(seen.before);
    comparison_.source_rows += source.size();
    comparison_.position.await_applied(seen.after);
    const Lsn log_end = comparison_.position.log_end();
    if (comparison_.sums_suffice() && table_.key_in_place) {
      const TargetReader::Totals totals = comparison_.target.totals(condition(part));
      if (totals.rows == source.size() && totals.digest_sum == sum && totals.newest < log_end) return;
    }
    std::unordered_set<std::uint64_t> doubtful = differing(part, std::move(source), log_end);
    if (doubtful.size() > limits::kCheckCandidatesMax) {
      comparison_.too_many = true;
      while (doubtful.size() > limits::kCheckCandidatesMax) doubtful.erase(doubtful.begin());
    }
    log::debug("{}: {} rows in doubt", table_.qualified_name(), doubtful.size());
    if (!doubtful.empty()) find_keys(doubtful);
  }

  [[nodiscard]] std::string condition(const Part& part) const {
    if (part.count == 1 || !table_.key_in_place) return {};
    return fmt::format("{} % {} = {}", table_.key_digest(), part.count, part.number);
  }

  void report(std::uint64_t rows_of_walk, std::uint64_t rows_to_read) {
    rows_shown_ = rows_read_ + rows_of_walk;
    if (comparison_.on_progress) comparison_.on_progress(rows_shown_, rows_to_read);
  }

  std::unordered_set<std::uint64_t> differing(const Part& part, std::vector<Entry> source, Lsn log_end) {
    std::unordered_set<std::uint64_t> doubtful;
    std::vector<Entry> target;
    PieceDigests digests(comparison_);
    comparison_.target.read(digests.columns(), digests.digests(), condition(part), [&](TargetRows& piece) {
      for (std::size_t row = 0; row < piece.rows(); ++row) {
        const std::uint64_t key = digests.key(piece, row);
        if (!part.has(key)) continue;
        target.push_back({.key = key, .row = digests.row(piece, row)});
        if (piece.versions[row] >= log_end.value) doubtful.insert(key);
      }
    });
    std::ranges::sort(source);
    std::ranges::sort(target);
    std::vector<Entry> only_one_has;
    std::ranges::set_symmetric_difference(source, target, std::back_inserter(only_one_has));
    for (const Entry& entry : only_one_has) doubtful.insert(entry.key);
    return doubtful;
  }

  /// Reads both sides again for the keys themselves: only their digests are known.
  void find_keys(const std::unordered_set<std::uint64_t>& doubtful) {
    KeyRows key(table_.plan);
    auto add = [&](std::span<const ColumnBuilder* const> columns, std::size_t row) {
      key.clear();
      key.add(columns, row);
      comparison_.too_many = !comparison_.settlement.add(key, 0) || comparison_.too_many;
    };
    std::unordered_set<std::uint64_t> sought = doubtful;
    find_keys_in_target(sought, add);
    // What is left, only the source has. A key that neither has any more differed because it was deleted meanwhile.
    if (sought.empty()) return;
    std::vector<const ColumnBuilder*> columns;
    walk_.run({.on_start = [] {},
               .on_batch =
                   [&](TableBatch& batch) {
                     columns.clear();
                     for (std::size_t column : table_.plan->key()) columns.push_back(&batch.column(column));
                     for (std::size_t row = 0; row < batch.rows(); ++row) {
                       if (sought.erase(digests_.key(batch, row)) > 0) add(columns, row);
                     }
                   }});
  }

  void find_keys_in_target(std::unordered_set<std::uint64_t>& sought, const auto& add) {
    std::string condition;
    if (table_.key_in_place && sought.size() <= kDigestsNamedMax) {
      condition = fmt::format("{} IN ({})", table_.key_digest(), fmt::join(sought, ", "));
    }
    PieceDigests digests(comparison_);
    comparison_.target.read(digests.columns(), TargetReader::Digests::No, condition, [&](TargetRows& piece) {
      for (std::size_t row = 0; row < piece.rows(); ++row) {
        if (sought.erase(digests.key(piece, row)) > 0) add(digests.key_columns(piece), row);
      }
    });
  }

  Comparison& comparison_;
  const CheckedTable& table_;
  BatchDigests digests_;
  HeapWalk walk_;
  std::uint64_t rows_read_ = 0;   ///< in the walks before this one
  std::uint64_t rows_shown_ = 0;  ///< and in this one
};

}  // namespace

void compare_by_key_digests(Comparison& comparison) { DigestComparison(comparison).run(); }

void compare_sample(Comparison& comparison) {
  const std::uint64_t wanted = comparison.settings.consistency_sample_size;
  const CheckedTable& table = comparison.table;
  const SourceMoment moment = comparison.source.begin(limits::kStatementTimeout);
  comparison.compared_as_of(moment.before);
  KeyRows key(table.plan);
  auto add = [&](std::span<const ColumnBuilder* const> columns, std::size_t row) {
    key.clear();
    key.add(columns, row);
    comparison.too_many = !comparison.settlement.add(key, 0) || comparison.too_many;
  };
  std::vector<const ColumnBuilder*> columns;
  comparison.source.read_sample(wanted, comparison.source.size().rows, [&](TableBatch& batch) {
    columns.clear();
    for (std::size_t column : table.plan->key()) columns.push_back(&batch.column(column));
    for (std::size_t row = 0; row < batch.rows(); ++row) add(columns, row);
  });
  comparison.source.commit();
  comparison.position.await_applied(moment.after);
  // The target's own, which the source may not have. About twice as many as wanted pass the chance, so that there are
  // enough, and some of them are taken, wherever they lie.
  const std::uint64_t rows = comparison.target.count({});
  const std::uint64_t one_in = std::max<std::uint64_t>(rows / (2 * wanted), 1);
  comparison.target.read(table.plan->key(), TargetReader::Digests::No,
                         fmt::format("rand(1) % {} = 0 ORDER BY rand(2) LIMIT {}", one_in, wanted),
                         [&](TargetRows& piece) {
                           columns.clear();
                           for (const auto& column : piece.columns) columns.push_back(column.get());
                           for (std::size_t row = 0; row < piece.rows(); ++row) add(columns, row);
                         });
}

}  // namespace echodb
