#include "verify/check_schedule.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/log.h"
#include "base/pause.h"

namespace echodb {
namespace {

using Clock = std::chrono::steady_clock;
/// How often new tables are looked for.
constexpr std::chrono::seconds kLookInterval{5};

void log_result(const CheckReport& report) {
  if (report.verdict == Verdict::Different) {
    log::warn("check of {} ({}): {} rows differ", report.table, to_string(report.mode), report.mismatched);
  } else if (report.verdict == Verdict::Unknown) {
    log::info("check of {} ({}): could not tell: {}", report.table, to_string(report.mode), report.reason);
  } else {
    log::info("check of {} ({}): equal, {} rows, {} ms", report.table, to_string(report.mode), report.rows_compared,
              report.duration.count());
  }
  if (!report.note.empty()) log::info("check of {}: {}", report.table, report.note);
}

}  // namespace

CheckSchedule::CheckSchedule(const Settings& settings, Checker& checker)
    : settings_(settings),
      checker_(checker),
      next_all_(Clock::now() + settings.consistency_interval),
      judge_(settings.catalog_poll),
      thread_([this](std::stop_token stop) { work(stop); }) {}

CheckReport CheckSchedule::check(const TableRecord& table, const CheckOptions& options, CheckRun& run) {
  MutexLock turn(turn_);
  {
    MutexLock lock(mutex_);
    status_.checking = table.versions.back().schema.qualified_name();
  }
  CheckReport report;
  try {
    report = checker_.check(table, options, run);
  } catch (...) {
    MutexLock lock(mutex_);
    status_.checking.clear();
    throw;
  }
  log_result(report);
  const std::string name = report.table;
  MutexLock lock(mutex_);
  ++status_.checks;
  status_.repairs += report.repairs.empty() ? 0 : 1;
  status_.checking.clear();
  status_.reports[name] = to_json(report).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  checked_[table.oid] = name;
  return report;
}

CheckSchedule::Status CheckSchedule::status() const {
  MutexLock lock(mutex_);
  Status now = status_;
  now.next_in =
      std::max(std::chrono::seconds(0), std::chrono::duration_cast<std::chrono::seconds>(next_all_ - Clock::now()));
  return now;
}

void CheckSchedule::work(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::string failure;
    try {
      look_through_inventory();
      look(stop);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::Stopped) return;
      failure = error.what();
      log::debug("checker: {}", failure);
    } catch (const std::exception& fault) {
      failure = fault.what();
      log::warn("checker: {}", failure);
    }
    {
      MutexLock lock(mutex_);
      status_.last_error = failure;
      status_.looked = status_.looked || failure.empty();
    }
    pause(kLookInterval, stop);
  }
}

void CheckSchedule::look_through_inventory() {
  judge_.add(checker_.look_through_inventory(), Clock::now());
  std::map<std::string, std::string> unmirrored;
  for (const JudgedTable& table : judge_.tables()) {
    if (table.state != JudgedTable::State::Error) continue;
    const CheckReport report = report_unmirrored(table, settings_.check_mode);
    unmirrored[report.table] = to_json(report).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    if (!status().unmirrored.contains(report.table)) log::warn("{}: {}", report.table, report.reason);
  }
  MutexLock lock(mutex_);
  status_.unmirrored = std::move(unmirrored);
}

/// Checks what is due: everything, or the tables that have never been checked.
void CheckSchedule::look(const std::stop_token& stop) {
  const std::vector<TableRecord> tables = checker_.tables();
  const std::vector<CheckRecord> history = checker_.history();
  bool all_due = false;
  {
    MutexLock lock(mutex_);
    std::set<std::string> names;
    for (const TableRecord& table : tables) names.insert(table.versions.back().schema.qualified_name());
    std::erase_if(status_.reports, [&](const auto& entry) { return !names.contains(entry.first); });
    for (const CheckRecord& check : history) {
      if (checked_.try_emplace(check.oid, check.table).second) status_.reports.try_emplace(check.table, check.report);
    }
    all_due = settings_.consistency_interval.count() > 0 && Clock::now() >= next_all_;
  }
  CheckRun run;
  for (const TableRecord& table : tables) {
    if (stop.stop_requested()) return;
    bool is_new = false;
    {
      MutexLock lock(mutex_);
      is_new = !checked_.contains(table.oid);
    }
    // A table whose copy is not in is checked when it is, unless it is in error: that is worth saying now.
    const bool settled = table.state == TableState::Streaming || table.state == TableState::Error;
    if (all_due || (is_new && settled && settings_.consistency_interval.count() > 0)) {
      check(table, {.mode = settings_.check_mode}, run);
    }
  }
  MutexLock lock(mutex_);
  if (all_due) next_all_ = Clock::now() + settings_.consistency_interval;
}

}  // namespace echodb
