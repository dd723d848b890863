#pragma once

#include <string>
#include <vector>

#include "clickhouse/table_ddl.h"
#include "clickhouse/target_client.h"
#include "postgres/lsn.h"

namespace echodb {

/// Steps on target tables that are more than one statement. Each may be cut short anywhere and run again.

struct CreateOptions {
  bool keep_existing = false;  ///< ECHODB_ON_DROP=keep
  Lsn at;                      ///< part of the kept table's new name, which no other table has
};
/// Makes the name free: a table of ours, left by an earlier mirror, is dropped, or renamed when it is to be kept; one
/// that is not ours stays: Error(TargetRejected) names it.
void make_room(TargetClient& clickhouse, const TargetTable& table, const ServerVersion& server,
               const CreateOptions& options);
/// Makes room, and creates the table.
void create_target(TargetClient& clickhouse, const TableDefinition& definition, const ServerVersion& server,
                   const CreateOptions& options);

/// However large it is: a server asks for leave above 50 GB, unless told otherwise (from 23.12 on).
void drop_target(TargetClient& clickhouse, const TargetTable& table, const ServerVersion& server);
void empty_target(TargetClient& clickhouse, const TargetTable& table, const ServerVersion& server);
/// Whether EchoDB made it: it has its columns. It is there.
bool is_ours(TargetClient& clickhouse, const TargetTable& table);
/// Drops the table, if it is there and was made by EchoDB.
void drop_if_ours(TargetClient& clickhouse, const TargetTable& table, const ServerVersion& server);
/// Its table was dropped, and it stays: a comment says so, for which servers before 21.4 have no place.
void mark_kept(TargetClient& clickhouse, const TargetTable& table, const ServerVersion& server);
/// The tables that have this comment, by name.
std::vector<std::string> kept_targets(TargetClient& clickhouse, const std::string& database,
                                      const ServerVersion& server);

/// Whether tables can change places in one step, and a comment can say why one is there.
bool has_exchange(const ServerVersion& server);
/// What an exchange has taken out of the target's place is called this until it is dropped.
TargetTable retired(const TargetTable& shadow);

struct TablePair {
  TargetTable target;
  TargetTable shadow;
};
/// Drops the shadow, and what an exchange that was cut short has left under another name.
void drop_shadow(TargetClient& clickhouse, const TargetTable& shadow, const ServerVersion& server);
[[nodiscard]] bool is_there(TargetClient& clickhouse, const TargetTable& table);
/// Marks one that is there as such, by its comment, where the server has a place for that.
void mark_shadow(TargetClient& clickhouse, const TargetTable& shadow, const ServerVersion& server);
/// A shadow table, marked, unless it is there.
void ensure_shadow(TargetClient& clickhouse, const TableDefinition& shadow, const ServerVersion& server);
/// An empty one in place of any earlier one.
void create_shadow(TargetClient& clickhouse, const TargetTable& target, const TableDefinition& shadow,
                   const ServerVersion& server);

/// Puts the shadow in the target's place, in one step where the server can, and drops what was there; a kept table is
/// treated as in create_target(). The shadow's mark stays, so that one can tell that it happened, until
/// remove_shadow_mark().
void exchange_shadow(TargetClient& clickhouse, const TablePair& tables, const ServerVersion& server,
                     const CreateOptions& options);
[[nodiscard]] bool is_exchanged(TargetClient& clickhouse, const TablePair& tables, const ServerVersion& server);
void remove_shadow_mark(TargetClient& clickhouse, const TargetTable& target, const ServerVersion& server);

/// Writes the target's live rows again under another sorting key, some columns under another name, and exchanges.
struct Rebuild {
  TablePair tables;
  TableDefinition shadow;
  std::vector<ColumnRename> renames;
  CreateOptions options;
  /// How far it has come: once the shadow has all rows, the target may have been exchanged already, and has only the
  /// columns that it is to have. A process that does not know this must not begin again (PendingSteps::recopy).
  enum class Stage { Begun, Filled, Exchanged } stage = Stage::Begun;
};
void rebuild_target(TargetClient& clickhouse, Rebuild& rebuild, const ServerVersion& server);

struct Rename {
  std::vector<std::string> from;  ///< it has one of these names, the first of them of which there is a table of ours
  TargetTable to;
};
/// Nothing when there is no such table of ours: it has been done before, or somebody has dropped the table. These two
/// look the same, so whoever begins a rename makes room before it is on record: what has the new name from then on is
/// the table's own. Of the other names, whatever is there was left by another table, and room is made too.
void rename_target(TargetClient& clickhouse, const Rename& names, const ServerVersion& server,
                   const CreateOptions& options);

}  // namespace echodb
