#include "verify/table_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "config/limits.h"
#include "verify/bag_comparison.h"
#include "verify/exact_count.h"
#include "verify/repair.h"
#include "verify/stream_position.h"
#include "verify/table_comparison.h"

namespace echodb {
namespace {

/// A repair is checked, and what the check finds repaired, so often.
constexpr int kRepairRoundsMax = 3;

std::string_view word(MismatchKind kind) {
  switch (kind) {
    case MismatchKind::Missing: return "missing";
    case MismatchKind::Extra: return "extra";
    case MismatchKind::Different: break;
  }
  return "different";
}

/// The connections and the findings of one table's check.
class TableCheck {
 public:
  TableCheck(const CheckEnvironment& environment, const CheckedTable& table, const CheckOptions& options,
             const std::stop_token& stop, CheckReport& report)
      : environment_(environment),
        table_(table),
        options_(options),
        stop_(stop),
        report_(report),
        source_(environment.connections.source, environment.settings, table, stop),
        target_(environment.connections.target, table),
        position_(environment.connections.position, environment.stream.slot, environment.settings.consistency_max_lag,
                  environment.silence, stop) {}

  void run() {
    if (options_.mode == CheckMode::Count && !options_.repair) return count();
    if (table_.plan->is_bag()) return bag();
    keyed();
  }

 private:
  void count() {
    ExactCount exact(table_, source_, target_, position_, stop_);
    const ExactCount::Outcome outcome = exact.run();
    report_.source_rows = outcome.source_rows;
    report_.target_rows = outcome.target_rows;
    report_.rows_compared = outcome.source_rows;
    report_.position = outcome.position;
    report_.verdict = !outcome.exact                               ? Verdict::Unknown
                      : outcome.source_rows == outcome.target_rows ? Verdict::Equal
                                                                   : Verdict::Different;
    if (!outcome.exact) report_.reason = "the table changed at every attempt to count it";
  }

  void bag() {
    BagComparison comparison(
        {.settings = environment_.settings,
         .table = table_,
         .source = source_,
         .target = target_,
         .position = position_,
         .sample_rows = options_.mode == CheckMode::Sample ? environment_.settings.consistency_sample_size : 0,
         .on_progress = options_.on_progress,
         .stop = stop_});
    for (int round = 0;; ++round) {
      BagComparison::Outcome outcome = comparison.run();
      report_.source_rows = outcome.source_rows;
      report_.target_rows = outcome.target_rows;
      report_.rows_compared = std::max(outcome.source_rows, outcome.target_rows);
      report_.position = outcome.position;
      report_.mismatched = outcome.mismatched;
      report_.undecided = outcome.undecided;
      report_.mismatches = std::move(outcome.mismatches);
      conclude(outcome.too_many);
      if (!repairs_again(round)) return;
      environment_.confirm();
      repair_bag(environment_, table_, comparison, report_.repairs, stop_);
    }
  }

  void keyed() {
    Settlement settlement(table_, source_, target_, position_, stop_);
    Comparison comparison{.settings = environment_.settings,
                          .table = table_,
                          .source = source_,
                          .target = target_,
                          .position = position_,
                          .settlement = settlement,
                          .mode = options_.mode,
                          .on_progress = options_.on_progress,
                          .stop = stop_};
    if (options_.mode == CheckMode::Sample) {
      compare_sample(comparison);
    } else if (has_key_ranges(comparison)) {
      compare_by_key_ranges(comparison);
    } else {
      compare_by_key_digests(comparison);
    }
    const std::size_t candidates = settlement.candidates();
    for (int round = 0;; ++round) {
      const Settlement::Outcome outcome = settlement.run();
      if (round == 0 && options_.mode == CheckMode::Sample) {
        comparison.source_rows = candidates - count(outcome, MismatchKind::Extra);
      }
      describe(comparison, outcome);
      if (options_.mode == CheckMode::Sample) report_.rows_compared = candidates;
      if (!repairs_again(round)) return;
      environment_.confirm();
      KeyRows again = repair_rows(environment_, table_, settlement, outcome, report_.repairs, stop_);
      // The very rows that were repaired are looked at again, and those of which nothing could be told.
      for (std::size_t row : outcome.undecided) again.add(settlement.keys(), row);
      settlement.clear();
      for (std::size_t row = 0; row < again.rows(); ++row) settlement.add(again, row);
    }
  }

  static std::uint64_t count(const Settlement::Outcome& outcome, MismatchKind kind) {
    return static_cast<std::uint64_t>(std::ranges::count(outcome.mismatches, kind, &Mismatch::kind));
  }

  [[nodiscard]] bool repairs_again(int round) const {
    return options_.repair && report_.verdict == Verdict::Different && round < kRepairRoundsMax;
  }

  void describe(const Comparison& comparison, const Settlement::Outcome& outcome) {
    report_.mismatches.clear();
    for (const Mismatch& mismatch : outcome.mismatches) {
      if (report_.mismatches.size() < limits::kCheckMismatchesNamed) {
        report_.mismatches.push_back({.key = comparison.settlement.keys()
                                                 .show(mismatch.key)
                                                 .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
                                      .kind = word(mismatch.kind),
                                      .columns = mismatch.columns});
      }
    }
    report_.source_rows = comparison.source_rows;
    const std::uint64_t there = comparison.source_rows + count(outcome, MismatchKind::Extra);
    report_.target_rows = there - std::min(there, count(outcome, MismatchKind::Missing));
    report_.rows_compared = comparison.source_rows;
    report_.mismatched = outcome.mismatches.size();
    report_.undecided = outcome.undecided.size();
    report_.position = comparison.as_of;
    conclude(comparison.too_many);
  }

  void conclude(bool too_many) {
    report_.reason.clear();
    if (report_.undecided > 0) {
      report_.reason = fmt::format("{} rows changed between every two looks at them", report_.undecided);
    }
    if (too_many) {
      report_.reason =
          fmt::format("more than {} rows differ or changed while they were compared, the rest was not compared",
                      limits::kCheckCandidatesMax);
    }
    report_.verdict = report_.mismatched > 0              ? Verdict::Different
                      : report_.undecided > 0 || too_many ? Verdict::Unknown
                                                          : Verdict::Equal;
  }

  const CheckEnvironment& environment_;
  const CheckedTable& table_;
  const CheckOptions& options_;
  const std::stop_token& stop_;
  CheckReport& report_;
  SourceReader source_;
  TargetReader target_;
  StreamPosition position_;
};

/// Whether the table is published without its updates and deletes.
bool is_insert_only(const TableRecord& record, const CheckEnvironment& environment) {
  if (environment.settings.no_pk_policy != NoPrimaryKeyPolicy::InsertOnly) return false;
  return environment.connections.source
      .query(
          "SELECT EXISTS (SELECT FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid "
          "WHERE r.prrelid = $1::oid AND p.pubname = $2)",
          {std::to_string(record.oid), environment.stream.publication + "_insert_only"})
      .boolean(0, 0);
}

/// Why a table in this state cannot be compared; empty when it can.
std::string obstacle(const TableRecord& record, const CheckEnvironment& environment) {
  if (is_insert_only(record, environment)) {
    return "the table is mirrored without its updates and deletes (ECHODB_NO_PK_POLICY=insert_only)";
  }
  if (record.state == TableState::Error) return "the table is in error: " + record.error;
  if (record.state != TableState::Streaming) return fmt::format("the table is {}", to_string(record.state));
  if (record.shadow) return "the table is being copied again";
  if (!record.versions.back().pending.empty() || !record.earlier_names.empty()) return "its schema is being changed";
  return {};
}

/// nullopt when the target lacks the table or a column, which the report then says. The first look may come amid a DROP
/// or ALTER that the stream carries out: what is still not there once everything up to now is applied is gone.
std::optional<CheckedTable> find_in_target(const CheckEnvironment& environment, const TableRecord& record,
                                           const std::stop_token& stop, CheckReport& report) {
  const Settings& settings = environment.settings;
  for (bool again = false;; again = true) {
    try {
      return look_at_table(environment.stream, record, environment.choices, settings.clickhouse.database,
                           environment.connections.target);
    } catch (const Error& error) {
      if (error.detail(kGoneFromTarget).empty()) throw;
      if (again) {
        report.verdict = Verdict::Different;
        report.needs_copy = true;
        report.reason = fmt::format("{}: {}", error.message(), error.detail(kGoneFromTarget));
        return std::nullopt;
      }
    }
    StreamPosition position(environment.connections.position, environment.stream.slot, settings.consistency_max_lag,
                            environment.silence, stop);
    report.position = position.log_end();
    position.await_applied(report.position);
    environment.confirm();
  }
}

}  // namespace

CheckReport check_table(const CheckEnvironment& environment, const TableRecord& record, const CheckOptions& options,
                        const std::stop_token& stop) {
  CheckReport report{.table = record.versions.back().schema.qualified_name(),
                     .mode = options.mode,
                     .at = std::chrono::system_clock::now()};
  const auto began = std::chrono::steady_clock::now();
  try {
    report.reason = obstacle(record, environment);
    if (report.reason.empty()) {
      if (const std::optional<CheckedTable> table = find_in_target(environment, record, stop, report)) {
        TableCheck(environment, *table, options, stop, report).run();
      }
      // What is not equal may be so because the mirror was stopped, or is being made anew.
      if (report.verdict != Verdict::Equal) environment.confirm();
    }
  } catch (const Error& error) {
    if (error.code() == ErrorCode::Stopped) throw;
    report.verdict = Verdict::Unknown;
    report.needs_copy = false;
    report.reason = error.what();
    report.mismatched = 0;
    report.mismatches.clear();
  }
  report.duration = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
  return report;
}

}  // namespace echodb
