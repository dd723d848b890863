#pragma once

#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "postgres/connection.h"
#include "postgres/table_schema.h"
#include "replication/copy_visibility.h"

namespace echodb {

// What a copy has to wait for before it reads its first row. All of them throw Error(Stopped) when asked to stop.

/// Nobody: what find_writers() returns then.
inline constexpr std::string_view kNoWriters = "{}";

/// The transactions that have written to the table, or to a partition of it, or changed what it is made of, and are not
/// visible yet, as a text[] for `among`. With `before`, those that began to write before this one; with `among`, no
/// others. A transaction holds its locks until everybody sees it, so one whose commit waits for a standby is found.
std::string find_writers(PostgresConnection& source, Oid table, std::optional<Xid> before, const QueryParameter& among);

/// Whether everybody sees what these transactions did.
bool all_visible(PostgresConnection& source, std::span<const Xid> transactions);

/// A relation as it is named now.
struct NamedRelation {
  Oid oid = 0;
  std::string name;  ///< quoted
};

/// Opens a transaction to copy this table from, with it and the partitioned tables above it locked before its snapshot
/// is taken: what it reads of the catalog then is what its SELECTs mean. A lock that the application does not give soon
/// is an error for which is_lock_refused() holds: it is to be asked for again with nothing held, so that no command of
/// the application can be in a deadlock with a copy. A table that is gone or has another name by then is an
/// Error(SchemaMismatch).
NamedRelation begin_copy(PostgresConnection& source, Oid table);

/// Whether a statement gave a lock up that it did not get in time: to be asked for again, and no failure.
bool is_lock_refused(const Error& error);

/// Throws Error(SchemaMismatch) unless the table's columns are those of the schema, by number, name and type: a copy
/// reads by name, and names may have changed hands since. Call it in a transaction of begin_copy.
void require_columns(PostgresConnection& source, const TableSchema& schema);
/// The same for a table that is `now`.
void require_columns(const TableSchema& now, const TableSchema& schema);

/// The one transaction in which a table without a key is copied.
struct WholeCopy {
  std::vector<NamedRelation> relations;
  std::string snapshot;  ///< as text
};

/// Opens it, as begin_copy does, once all of the locks are given, and lets the stream know through the gate what its
/// snapshot sees; that includes every transaction whose changes the stream has left to the copy already.
WholeCopy begin_whole_copy(PostgresConnection& source, std::span<const Oid> tables, CopyGate& gate,
                           const std::stop_token& stop);

}  // namespace echodb
