#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>

#include "replication/lane_tasks.h"
#include "replication/recent_transactions.h"
#include "replication/table_parts.h"

namespace echodb {

/// Lanes for what concerns a relation, mirrored or not, and need not come between its rows: one that is locked in the
/// source holds no other one up.
class BesideLanes {
 public:
  BesideLanes(const TableParts& parts, const RecentTransactions& recent) : parts_(parts), recent_(recent) {}

  void push(Oid oid, std::unique_ptr<LaneTask> task);
  /// Asks the source to write down what became of the relation, or type: a change of it could not be recorded. The
  /// position waits for the answer. Without a mirror of that oid there is nothing that could stop in its place.
  void describe_lost(Oid oid, bool has_mirror);
  /// Asks for another copy of a table that has stopped, which is on record: no position waits for it.
  void resync(Oid oid);
  /// The relations that have a step at work.
  [[nodiscard]] std::set<Oid> at_work() const;
  /// Whose lane it is; nullopt for another one's.
  [[nodiscard]] std::optional<Oid> relation_of(const std::shared_ptr<Lane>& lane) const;

 private:
  void push_unheld(Oid oid, std::unique_ptr<LaneTask> task);

  const TableParts& parts_;
  const RecentTransactions& recent_;
  std::map<Oid, std::shared_ptr<Lane>> lanes_;
};

}  // namespace echodb
