#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "catalog/inventory.h"
#include "catalog/store.h"
#include "verify/table_check.h"

namespace echodb {

/// Checks tables of the automatic stream, one at a time, and writes down what it found. Any thread may call, but one
/// check at a time.
class Checker {
 public:
  Checker(Settings settings, std::stop_token stop);

  /// The mirrored tables as the catalog has them now. Throws Error(InvalidConfiguration) before the first setup.
  std::vector<TableRecord> tables();
  /// nullopt when no table of that name is mirrored.
  std::optional<TableRecord> find(const std::string& schema, const std::string& name);
  /// The table as the catalog has it by then; anew, when its mirror was changed meanwhile and it did not prove equal.
  /// Throws Error(Stopped) only.
  CheckReport check(const TableRecord& table, const CheckOptions& options, CheckRun& run);
  /// The tables that are watched and not mirrored, or the reverse. Waits until none is pending, CONSISTENCY_MAX_LAG at
  /// the most.
  std::vector<JudgedTable> unmirrored();
  /// A single look, for whoever judges from look to look.
  InventoryLook look_through_inventory();
  /// The latest check of each table that is still mirrored, as it was written down.
  std::vector<CheckRecord> history();

 private:
  StreamRecord stream();
  TableRecord mirrored(Oid table);
  CheckReport attempt(const TableRecord& table, const CheckOptions& options, CheckRun& run, bool& again);
  CheckReport copy_again(const TableRecord& table, const CheckOptions& options, CheckRun& run, CheckReport report);
  std::string note_of(const TableRecord& table);
  void record(const TableRecord& table, const CheckReport& report);

  Settings settings_;
  std::stop_token stop_;
  CatalogStore catalog_;
};

/// What a check says of a table that is not mirrored: it differs, or could not be told yet. Nothing of it was compared.
CheckReport report_unmirrored(const JudgedTable& table, CheckMode mode);
/// The table that was compared, if it is in `unmirrored` all the same (its changes do not arrive, say) has one report:
/// that of the check, with the worse verdict and both reasons. It is taken out of `unmirrored`.
CheckReport with_inventory(Oid table, CheckReport report, std::vector<JudgedTable>& unmirrored);

}  // namespace echodb
