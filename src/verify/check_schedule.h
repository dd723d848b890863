#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "verify/checker.h"

namespace echodb {

/// Checks all tables every CONSISTENCY_CHECK_INTERVAL, and a new one once its copy is in. A thread of its own waits and
/// checks; the other calls may come from any.
class CheckSchedule {
 public:
  CheckSchedule(const Settings& settings, Checker& checker);

  /// Checks now, in turn with the schedule, and remembers the result.
  CheckReport check(const TableRecord& table, const CheckOptions& options);

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
  [[nodiscard]] Status status() const;

 private:
  void work(const std::stop_token& stop);
  void look(const std::stop_token& stop);
  void look_through_inventory();

  const Settings& settings_;
  Checker& checker_;
  std::mutex turn_;  ///< held while a table is checked
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  Status status_;                                   ///< guarded by mutex_
  std::chrono::steady_clock::time_point next_all_;  ///< guarded by mutex_
  std::map<Oid, std::string> checked_;              ///< guarded by mutex_; tables that need no first check, by name
  InventoryJudge judge_;                            ///< of the thread alone
  std::jthread thread_;                             ///< last: it uses the members above
};

}  // namespace echodb
