#pragma once

#include <chrono>
#include <map>
#include <stop_token>
#include <thread>

#include "base/mutex.h"
#include "catalog/inheritance.h"
#include "catalog/inventory.h"
#include "catalog/store.h"
#include "config/settings.h"
#include "replication/worker_status.h"

namespace echodb {

/// Compares the watched tables with the mirrored ones (catalog/inventory.h) while a stream runs: at once, then every
/// ECHODB_INVENTORY_SECONDS, and sooner while a difference is undecided. A table that is in error is healed: the source
/// puts its description into the log, where the stream finds it like any other schema message; again after a minute,
/// then ever more seldom, for as long as it stays in error. Each time is in the journal and counted.
///
/// Each look is also for tables that others inherit from, in whatever schema those are: no message tells of the latter
/// where nobody watches them.
///
/// A thread owns the connection, so the stream never waits for a look. `report` may be called from any thread.
class InventoryWatch {
 public:
  InventoryWatch(const Settings& settings, const StreamRecord& stream, CatalogStore& catalog);

  /// How far the stream has come by now. Called several times a second, on the stream's thread.
  void heard(InventoryReading reading);
  /// Fills in what is known of tables that are not mirrored, and of those that others inherit from; the ones in error
  /// are in the list of tables too.
  void report(WorkerStatus& status) const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Healing {
    int attempts = 0;
    Clock::time_point began;  ///< the last attempt
    Clock::time_point next;
    std::string failure;  ///< of the last attempt; empty: the source took it
  };

  void watch(const std::stop_token& stop);
  void look(PostgresConnection& source);
  void note(std::vector<JudgedTable> tables);
  void note(std::vector<ParentTable> parents);
  void heal(PostgresConnection& source);
  void heal(PostgresConnection& source, const InventoryEntry& entry, Healing& healing);
  [[nodiscard]] Clock::duration pause_after(InventoryEntry::Kind kind, int attempts) const;
  [[nodiscard]] InventoryReading reading() const;
  [[nodiscard]] Clock::duration time_to_wait() const;

  const Settings& settings_;
  InventorySource names_;
  CatalogStore& catalog_;
  InventoryJudge judge_;            ///< of the thread alone
  std::map<Oid, Healing> healing_;  ///< of the thread alone

  mutable Mutex mutex_;
  InventoryReading reading_ ECHODB_GUARDED_BY(mutex_);
  std::vector<UnmirroredStatus> tables_ ECHODB_GUARDED_BY(mutex_);
  std::vector<ParentTable> parents_ ECHODB_GUARDED_BY(mutex_);  ///< the watched ones
  std::uint64_t healed_ ECHODB_GUARDED_BY(mutex_) = 0;
  std::jthread thread_;  ///< last: it uses all the others
};

}  // namespace echodb
