#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "replication/ddl_message.h"
#include "replication/table_tools.h"

namespace echodb {

enum class CopyStart { FromStart, Resume };

/// Copies of tables as their stream sees them: when one begins, and what happens to the table when it is in. Reading
/// and writing its rows is the Copier's.
class TableCopies {
 public:
  explicit TableCopies(TableTools& tools) : tools_(tools), parts_(tools.parts) {}

  /// Before a table's copy begins anew: what is known of an earlier one no longer counts, and a lane that waits for it
  /// goes on.
  void forget(MirroredTable& table);
  /// The copy starts when the step is done. A keyless table's lane then waits for it: later deletes need its rows.
  /// `plans`: of its last copy, that were thrown away.
  void start(MirroredTable& table, SchemaTask& task, CopyStart how, int plans = 0);
  /// Empties what is being filled and begins the copy anew.
  void start_over(MirroredTable& table, std::string event, std::string detail, int plans = 0);

  struct Again {
    Lsn floor;
    std::string reason;
  };
  /// Into a shadow, behind the readers' backs; under the version, if one is given.
  void copy_again(MirroredTable& table, const std::optional<TableVersion>& version, Again copy);
  /// When the transaction that is read is over: what its rows are is known then, and several wishes in it are one.
  void ask(const RecopyMessage& message);
  /// The transaction has rows of the table that show a type as it was before it changed: TableRecord::types_changed.
  void ask_for_rows_as_before(const MirroredTable& table);
  /// Copies that the transaction asked for can see all of it now.
  void transaction_ended(Lsn commit);

  /// The table's copy is in, and has seen everything up to there.
  void await_reading(MirroredTable& table, Lsn position);
  /// Tables whose copy is in and whose changes have been read as far as the copy has seen them go over to streaming.
  void finish();
  /// The copy is in: the shadow takes the target's place.
  void copied(MirroredTable& table);

 private:
  [[nodiscard]] std::optional<Xid> writers_before(const MirroredTable& table) const;
  void ask_for_missed();

  TableTools& tools_;
  const TableParts& parts_;
  std::uint64_t last_job_ = 0;
  std::map<Oid, RecopyMessage> asked_;  ///< by the transaction being read
  std::set<Oid> unread_;                ///< tables with `copied_to`: finish() looks at no others
};

}  // namespace echodb
