#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "postgres/connection.h"

namespace echodb {

/// One row of pg_replication_slots, as far as this version of PostgreSQL has the columns.
struct SlotState {
  bool active = false;
  std::string wal_status;    ///< reserved, extended, unreserved or lost
  std::string invalidation;  ///< since 16 (17 with its reason): why the slot is of no use; empty: it is
  std::optional<std::int64_t> safe_wal_bytes;  ///< how much can be written before it is lost; nullopt: no limit is set
  Lsn restart;                                 ///< log from here on is kept; 0 when nothing is
  Lsn confirmed;
  std::uint64_t retained_bytes = 0;     ///< log kept because of it
  std::uint64_t unconfirmed_bytes = 0;  ///< log after what was confirmed
  bool failover = false;                ///< since 17: standbys have it too

  /// Why nothing can be read from it any more; empty when it can.
  [[nodiscard]] std::string loss() const;
};

/// nullopt when there is no slot of that name. Error(InvalidConfiguration) when it is not ours to read: of another
/// database, or of another plugin.
std::optional<SlotState> look_at_slot(PostgresConnection& source, const std::string& name);

/// Whether there is a slot of that name, of this session's database and for pgoutput.
bool is_slot_of_this_database(PostgresConnection& source, const std::string& name);

/// The slots of this session's database that are called as EchoDB calls its own, and that no stream of the catalog
/// reads.
struct OrphanSlot {
  std::string name;
  bool active = false;
};
std::vector<OrphanSlot> find_orphan_slots(PostgresConnection& source);

}  // namespace echodb
