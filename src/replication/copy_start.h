#pragma once

#include <span>
#include <stop_token>
#include <string>

#include "postgres/connection.h"
#include "postgres/table_schema.h"
#include "replication/copy_visibility.h"

namespace echodb {

// What a copy has to wait for before it reads its first row. All of them throw Error(Stopped) when asked to stop.

/// Waits for the transactions that were writing to the table, or to a partition of it, when this was called. What they
/// wrote before the table was published is not in the stream, so the copy must see it.
void wait_for_writers(PostgresConnection& source, Oid table, const std::stop_token& stop);

/// Whether everybody sees what these transactions did.
bool all_visible(PostgresConnection& source, std::span<const Xid> transactions);

/// Waits until everybody sees what these transactions did: the source tells its walsender of a commit a moment earlier.
void wait_until_visible(PostgresConnection& source, std::span<const Xid> transactions, const std::stop_token& stop);

/// Opens a transaction to copy from, with these relations locked before its snapshot is taken: what it reads of the
/// catalog then is what its SELECTs mean. A relation that has another name by then is an Error(SchemaMismatch).
struct NamedRelation {
  Oid oid = 0;
  std::string name;  ///< quoted

  static NamedRelation read(PostgresConnection& source, Oid oid);
};
void begin_copy(PostgresConnection& source, std::span<const NamedRelation> relations);

/// Throws Error(SchemaMismatch) unless the table's columns are those of the schema, by number, name and type: a copy
/// reads by name, and names may have changed hands since. Call it in a transaction of begin_copy.
void require_columns(PostgresConnection& source, const TableSchema& schema);

/// Opens the one transaction in which a table without a key is copied, and lets the stream know through the gate what
/// its snapshot sees; that includes every transaction whose changes the stream has left to the copy already. Returns
/// the snapshot as text.
std::string begin_whole_copy(PostgresConnection& source, std::span<const NamedRelation> relations, CopyGate& gate,
                             const std::stop_token& stop);

}  // namespace echodb
