#pragma once

#include <set>
#include <string>
#include <vector>

#include "replication/table_copies.h"
#include "replication/target_watch.h"

namespace echodb {

/// Tables of which ClickHouse has lost something are copied again behind their readers' backs.
class TargetLosses {
 public:
  TargetLosses(TableTools& tools, TableCopies& copies)
      : inventory_(tools.inventory), parts_(tools.parts), copies_(copies) {}

  /// What the target was found to be when the run began; the table is in its phase already.
  void begin(MirroredTable& table, const TargetTable& holder, const TargetFindings& target);
  /// A look at the target is asked for.
  void look_begins();
  /// Its answer. Error(TargetReplaced) when it is not the target any more. REQUIRES: between transactions.
  void look_ended(const TargetFindings& target);

 private:
  void replace_if_broken(MirroredTable& table, const TargetTable& holder, const std::vector<BrokenParts>& broken);
  void replace(MirroredTable& table, const std::string& reason);
  void judge(MirroredTable& table, const FoundTable& found);

  TargetInventory& inventory_;
  const TableParts& parts_;
  TableCopies& copies_;
  std::set<Oid> missing_;  ///< tables whose target the last look did not find
};

}  // namespace echodb
