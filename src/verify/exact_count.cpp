#include "verify/exact_count.h"

#include <fmt/format.h>

#include <chrono>
#include <numeric>
#include <optional>
#include <thread>

#include "columns/make_column.h"
#include "config/limits.h"

namespace echodb {
namespace {

constexpr int kCountsMax = 8;
constexpr std::chrono::milliseconds kPauseBetweenCounts{100};

}  // namespace

ExactCount::ExactCount(const CheckedTable& table, SourceReader& source, TargetReader& target, StreamPosition& position,
                       std::stop_token stop)
    : table_(table), source_(source), target_(target), position_(position), stop_(std::move(stop)) {}

ExactCount::Outcome ExactCount::run() {
  std::optional<std::int64_t> difference_before;
  std::vector<std::uint64_t> in_progress_before;
  Outcome outcome;
  for (int number = 0; number < kCountsMax; ++number) {
    if (stop_.stop_requested()) throw Error(ErrorCode::Stopped, "the check was stopped");
    if (number > 0) std::this_thread::sleep_for(kPauseBetweenCounts * number);
    SourceMoment moment;
    outcome = attempt(moment);
    if (!outcome.exact) continue;
    const auto difference = static_cast<std::int64_t>(outcome.source_rows - outcome.target_rows);
    if (difference == 0) return outcome;
    // A commit that the log has and the snapshot does not show yet looks like a difference: see Settlement.
    const bool all_ended = !moment.still_in_progress(in_progress_before);
    const bool last = number + 1 == kCountsMax && !position_.commits_wait_for_standbys();
    if (difference_before == difference && (all_ended || last)) return outcome;
    difference_before = difference;
    in_progress_before = moment.in_progress;
  }
  outcome.exact = false;
  return outcome;
}

ExactCount::Outcome ExactCount::attempt(SourceMoment& moment) {
  // So that the snapshot need not be held while the stream catches up.
  position_.await_applied(source_.position());
  moment = source_.begin(std::chrono::milliseconds(0));
  const std::uint64_t rows = source_.count();
  if (table_.plan->is_bag()) {
    source_.commit();
    position_.await_applied(moment.after);
    return attempt_bag(moment, rows);
  }
  position_.await_applied(moment.after);
  Outcome outcome = attempt_keyed(moment, rows);
  source_.commit();
  return outcome;
}

ExactCount::Outcome ExactCount::attempt_keyed(const SourceMoment& moment, std::uint64_t source_rows) {
  const std::string keys = target_.key_list();
  const std::string sql = fmt::format(
      "SELECT countIf(v < {0} AND d = 0), groupArrayIf(tuple({1}), v >= {0}) FROM (SELECT {1}, max({2}) AS v, "
      "argMax({3}, {2}) AS d FROM {4} GROUP BY {1}) FORMAT RowBinary",
      moment.before.value, keys, kVersionColumn, kIsDeletedColumn, qualified(table_.target));
  TargetClient::Parameters parameters = target_.parameters(0);
  if (has_is_deleted_argument(table_.server)) {
    parameters["final"] = "0";
    // The sorting key is the key: no group has to be kept once it has passed.
    parameters["optimize_aggregation_in_order"] = "1";
  }
  std::string answer;
  target_.client().read(
      sql, [&](Bytes piece) { answer += as_text(piece); }, parameters);
  RowBinaryReader reader(as_bytes(answer));
  const auto unchanged = reader.read<std::uint64_t>();
  const std::uint64_t changed = reader.read_var_uint();
  KeyRows in_target(table_.plan);
  ColumnBuilders columns;
  for (std::size_t column : table_.plan->key()) columns.push_back(make_column(table_.target_types[column]));
  for (std::uint64_t row = 0; row < changed; ++row) {
    for (auto& column : columns) column->append_row_binary(reader);
  }
  std::vector<const ColumnBuilder*> key;
  for (const auto& column : columns) key.push_back(column.get());
  for (std::size_t row = 0; row < changed; ++row) in_target.add(key, row);
  std::uint64_t changed_in_source = 0;
  std::vector<std::size_t> rows(in_target.rows());
  std::iota(rows.begin(), rows.end(), 0);
  for (std::size_t from = 0; from < rows.size(); from += limits::kCheckLookKeys) {
    std::span<const std::size_t> some(rows.data() + from, std::min(limits::kCheckLookKeys, rows.size() - from));
    changed_in_source += source_.read_keys(in_target, some, [](TableBatch&) {});
  }
  return {.exact = true,
          .source_rows = source_rows,
          .target_rows = unchanged + changed_in_source,
          .position = moment.before};
}

ExactCount::Outcome ExactCount::attempt_bag(const SourceMoment& moment, std::uint64_t source_rows) {
  const std::string sql = fmt::format(
      "SELECT countIf(b < {0} AND (d = 0 OR d >= {0})), countIf((b >= {1} AND b < {0}) OR (d >= {1} AND d < {0})) "
      "FROM (SELECT {2} AS b, minIf({3}, {4} = 1) AS d FROM {5} GROUP BY {6}, {2}, {7}) FORMAT RowBinary",
      moment.after.value, moment.before.value, kLsnColumn, kVersionColumn, kIsDeletedColumn, qualified(table_.target),
      kRowHashColumn, kOrdinalColumn);
  TargetClient::Parameters parameters = target_.parameters(0);
  if (has_is_deleted_argument(table_.server)) {
    parameters["final"] = "0";
    parameters["optimize_aggregation_in_order"] = "1";
  }
  const std::string answer = target_.client().query(sql, parameters);
  RowBinaryReader reader(as_bytes(answer));
  const auto live = reader.read<std::uint64_t>();
  // Of these nobody knows whether the snapshot shows them.
  const auto unclear = reader.read<std::uint64_t>();
  return {.exact = unclear == 0, .source_rows = source_rows, .target_rows = live, .position = moment.before};
}

}  // namespace echodb
