#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/error.h"
#include "cli/commands.h"
#include "embedded/stop_signals.h"
#include "verify/checker.h"

namespace echodb {
namespace {

constexpr int kExitUnknown = 1;
constexpr int kExitDifferent = 2;
constexpr std::size_t kMismatchesShown = 20;

/// One line on the terminal that is written over and over.
class ProgressLine {
 public:
  ProgressLine() : shown_(isatty(STDERR_FILENO) != 0) {}

  void show(const std::string& table, std::uint64_t rows, std::uint64_t of) const {
    if (!shown_) return;
    constexpr std::size_t kWidth = 30;
    const double part = of == 0 ? 0 : std::min(1.0, static_cast<double>(rows) / static_cast<double>(of));
    const auto done = static_cast<std::size_t>(part * kWidth);
    fmt::print(stderr, "\r{:<40} [{:<{}}] {} rows\033[K", table, std::string(done, '#'), kWidth, rows);
  }
  void clear() const {
    if (shown_) fmt::print(stderr, "\r\033[K");
  }

 private:
  bool shown_;
};

std::string columns_text(const std::vector<std::string>& columns) {
  return columns.empty() ? std::string() : fmt::format(" in {}", fmt::join(columns, ", "));
}

void print(const CheckReport& report) {
  fmt::print("{:<40} {:<10} {:>12} {:>12} {:>9} {:>9} ms\n", report.table, to_string(report.verdict),
             report.source_rows, report.target_rows, report.mismatched, report.duration.count());
  if (!report.reason.empty()) fmt::print("  {}\n", report.reason);
  if (!report.note.empty()) fmt::print("  {}\n", report.note);
  for (std::size_t i = 0; i < std::min(report.mismatches.size(), kMismatchesShown); ++i) {
    const ReportedMismatch& mismatch = report.mismatches[i];
    fmt::print("  {} {}{}\n", mismatch.kind, mismatch.key, columns_text(mismatch.columns));
  }
  if (report.mismatched > kMismatchesShown) fmt::print("  … {} in all\n", report.mismatched);
  for (const std::string& repair : report.repairs) fmt::print("  repair: {}\n", repair);
}

/// What a run is to say something about.
struct Chosen {
  std::vector<TableRecord> tables;
  std::vector<JudgedTable> unmirrored;
};

/// The table is watched, or it is not known at all.
JudgedTable find_unmirrored(Checker& checker, const std::string& table) {
  std::vector<JudgedTable> all = checker.unmirrored();
  auto found = std::ranges::find(all, table, [](const JudgedTable& one) { return one.entry.table; });
  if (found != all.end()) return *found;
  throw Error(ErrorCode::InvalidConfiguration, fmt::format("{} is not a table that EchoDB mirrors", table),
              "`echodb status` lists them");
}

Chosen chosen(Checker& checker, const Settings& settings, const std::vector<std::string>& names) {
  // The tables last: what is created meanwhile is in one of the two, or pending.
  if (names.empty()) {
    std::vector<JudgedTable> unmirrored = checker.unmirrored();
    return {.tables = checker.tables(), .unmirrored = std::move(unmirrored)};
  }
  Chosen all;
  for (const std::string& name : names) {
    auto dot = name.find('.');
    const std::string schema = dot == std::string::npos ? settings.sync_schemas.front() : name.substr(0, dot);
    const std::string table = dot == std::string::npos ? name : name.substr(dot + 1);
    std::optional<TableRecord> found = checker.find(schema, table);
    if (found) {
      all.tables.push_back(*std::move(found));
    } else {
      all.unmirrored.push_back(find_unmirrored(checker, fmt::format("{}.{}", schema, table)));
    }
  }
  return all;
}

/// Gathers what is found, in the form that was asked for.
class Findings {
 public:
  explicit Findings(bool as_json) : as_json_(as_json) {
    if (as_json_) return;
    fmt::print("{:<40} {:<10} {:>12} {:>12} {:>9} {:>12}\n", "table", "result", "postgres", "clickhouse", "differ",
               "time");
  }

  void add(const CheckReport& report) {
    ++counts_[report.verdict];
    if (as_json_) {
      all_.push_back(to_json(report));
    } else {
      print(report);
    }
  }
  /// On purpose: said, and no fault.
  void add_left_out(const InventoryEntry& entry) const {
    fmt::print(as_json_ ? stderr : stdout, "{:<40} not mirrored: {}\n", entry.table, entry.reason);
  }
  /// The exit code.
  [[nodiscard]] int finish() const {
    if (as_json_) {
      fmt::print("{}\n", all_.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    } else {
      print_counts();
    }
    return counts_.contains(Verdict::Different) ? kExitDifferent
           : counts_.contains(Verdict::Unknown) ? kExitUnknown
                                                : 0;
  }

 private:
  /// What one line among many would be lost without.
  void print_counts() const {
    std::string words;
    std::size_t tables = 0;
    for (const auto& [verdict, count] : counts_) {
      words += fmt::format("{}{} {}", words.empty() ? ": " : ", ", count, to_string(verdict));
      tables += count;
    }
    if (tables > 1) fmt::print("{} tables{}\n", tables, words);
  }

  bool as_json_;
  nlohmann::json all_ = nlohmann::json::array();
  std::map<Verdict, std::size_t> counts_;
};

int run(const Settings& settings, const VerifyOptions& options, const std::stop_token& stop) {
  Checker checker(settings, stop);
  CheckOptions check{.mode = settings.check_mode, .repair = options.repair};
  if (!options.mode.empty()) check.mode = *parse_check_mode(options.mode);
  Chosen all = chosen(checker, settings, options.tables);
  ProgressLine line;
  Findings findings(options.json);
  CheckRun connected;
  for (const TableRecord& table : all.tables) {
    const std::string name = table.versions.back().schema.qualified_name();
    check.on_progress = [&](std::uint64_t rows, std::uint64_t of) { line.show(name, rows, of); };
    const CheckReport report = with_inventory(table.oid, checker.check(table, check, connected), all.unmirrored);
    line.clear();
    findings.add(report);
  }
  for (const JudgedTable& table : all.unmirrored) {
    if (table.state == JudgedTable::State::LeftOut && options.tables.empty()) {
      findings.add_left_out(table.entry);
    } else {
      findings.add(report_unmirrored(table, check.mode));
    }
  }
  return findings.finish();
}

}  // namespace

int verify_command(const Settings& settings, const VerifyOptions& options) {
  StopSignals signals;
  std::exception_ptr failure;
  std::stop_source ended;
  int status = kExitUnknown;
  std::jthread work([&](std::stop_token stop) {
    try {
      status = run(settings, options, stop);
    } catch (...) {
      failure = std::current_exception();
    }
    ended.request_stop();
  });
  constexpr std::chrono::milliseconds kLookInterval{20};
  while (!signals.requested() && !ended.stop_requested()) signals.wait_for(kLookInterval);
  work.request_stop();
  work.join();
  if (failure) std::rethrow_exception(failure);
  return status;
}

}  // namespace echodb
