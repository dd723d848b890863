#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "replication/ddl_message.h"
#include "replication/table_registry.h"

namespace echodb {

/// Which transactions have changed what values of the application's types show, and which tables were described beside
/// them. The triggers tell of the tables that they see; these are the ones that another transaction had open. The
/// stream's thread.
class TypeChanges {
 public:
  /// Nobody remembers what earlier runs have read: types may have changed, and tables been described, up to here.
  void run_began(Lsn at);

  // Of the transaction that is read.
  void changed(const TypeChangedMessage& message, Lsn lsn);
  void described(Oid table) { described_.insert(table); }

  /// Where the last transaction ended that has changed a type of this version's, if the version is from before:
  /// it, or what is written under it and committed later, shows the type as it was.
  [[nodiscard]] std::optional<Lsn> after(const TableVersion& version) const;
  [[nodiscard]] bool has_changed() const {
    return std::ranges::any_of(changed_now_, [](const auto& first) { return first.has_value(); });
  }
  /// Whether the transaction has changed a type of the table's and could not see the table: it was described by one
  /// that ended in between.
  [[nodiscard]] bool has_missed(const MirroredTable& table) const;
  /// Returns the tables that the transaction has described.
  std::set<Oid> transaction_ended(Lsn commit);

 private:
  /// Row types change with every ALTER TABLE, and only columns of composites may show them, or of what is made of such.
  enum Kind : std::size_t { Own, Rows, Kinds };
  static bool has(const TableSchema& schema, std::size_t kind);

  Lsn began_;
  std::array<Lsn, Kinds> changed_last_{};                ///< where the transaction ended
  std::array<std::optional<Lsn>, Kinds> changed_now_{};  ///< where the first message of the transaction stands
  std::set<Oid> described_;
};

}  // namespace echodb
