#pragma once

#include <map>
#include <string>
#include <thread>

#include "base/mutex.h"
#include "verify/checker.h"

namespace echodb {

/// Checks all tables every CONSISTENCY_CHECK_INTERVAL, and a new one once its copy is in. A thread of its own waits and
/// checks; the other calls may come from any.
class CheckSchedule {
 public:
  CheckSchedule(const Settings& settings, Checker& checker);

  /// Checks now, in turn with the schedule, and remembers the result.
  CheckReport check(const TableRecord& table, const CheckOptions& options, CheckRun& run)
      ECHODB_EXCLUDES(turn_, mutex_);

  struct Status {
    std::map<std::string, std::string> reports;  ///< by table: the latest report, as JSON
    /// Tables in error that are watched and not mirrored, or the reverse: a report of each, as JSON.
    std::map<std::string, std::string> unmirrored;
    std::uint64_t checks = 0;
    std::uint64_t repairs = 0;
    std::string checking;    ///< the table that is being checked; empty: none
    std::string last_error;  ///< of the last look at the catalog; empty: it could be read
    bool looked = false;     ///< the catalog has been read at least once
    std::chrono::seconds next_in{0};
  };
  [[nodiscard]] Status status() const ECHODB_EXCLUDES(mutex_);

 private:
  void work(const std::stop_token& stop);
  void look(const std::stop_token& stop);
  void look_through_inventory();

  const Settings& settings_;
  Checker& checker_;
  Mutex turn_;  ///< held while a table is checked
  mutable Mutex mutex_;
  Status status_ ECHODB_GUARDED_BY(mutex_);
  std::chrono::steady_clock::time_point next_all_ ECHODB_GUARDED_BY(mutex_);
  std::map<Oid, std::string> checked_ ECHODB_GUARDED_BY(mutex_);  ///< tables that need no first check, by name
  InventoryJudge judge_;                                          ///< of the thread alone
  std::jthread thread_;                                           ///< last: it uses the members above
};

}  // namespace echodb
