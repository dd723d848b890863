#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/utc_text.h"
#include "postgres/lsn.h"

namespace echodb {

/// A column that got another type, because its own cannot hold a value that came.
struct WidenedColumnStatus {
  std::string name;
  std::string type;   ///< ClickHouse's; "text" for one that holds everything
  std::string since;  ///< the position of that value in the log
};

/// A column that keeps the type it was made with, where the settings of today ask for another one.
struct KeptColumnStatus {
  std::string name;
  std::string type;
  std::string today;
};

/// That others inherit from a table: catalog/inheritance.h.
struct InheritedStatus {
  std::uint64_t tables = 0;  ///< that inherit from it; 0: none
  std::uint64_t not_mirrored = 0;
  std::string words;  ///< a clause without a subject
};

/// One table as /metrics and `status` show it.
struct TableStatus {
  std::string source;  ///< schema.name
  std::string target;
  std::string state;  ///< the words of catalog/table_state.h
  std::uint64_t rows_copied = 0;
  std::uint64_t rows_applied = 0;
  std::string error;
  std::string error_lsn;
  std::string held_up = {};  ///< why its next step has failed, and is tried again; empty: it has not
  std::optional<std::chrono::seconds> next_attempt;  ///< in state error: until it is copied again; nullopt: right now
  std::vector<WidenedColumnStatus> text_columns;
  std::vector<KeptColumnStatus> kept_types;
  InheritedStatus inherited = {};
};

/// A table that is watched and not mirrored, or the reverse: catalog/inventory.h.
struct UnmirroredStatus {
  std::string table;                                 ///< schema.name
  std::string state;                                 ///< pending (it may be on its way), error, left_out (on purpose)
  std::string reason;                                ///< a clause
  std::uint64_t attempts = 0;                        ///< times it was described again
  std::optional<std::chrono::seconds> next_attempt;  ///< in state error: until the next time
};

/// What became of a relation or type, which the source has been asked and cannot say yet.
struct UnansweredStatus {
  std::string relation;
  std::string reason;
};

/// A type that has no counterpart in the target: its columns arrive as text.
struct TextFallback {
  std::string type;
  std::uint64_t columns = 0;
};

/// A circuit breaker: closed, open or half_open.
struct BreakerStatus {
  std::string name;
  std::string state;
  std::uint64_t failures = 0;  ///< in a row
};

/// What the replication slot costs the source. Kept up to date while no stream runs as well.
struct SlotStatus {
  std::string name;
  bool known = false;   ///< the source has answered
  bool exists = false;  ///< false: there is none, or none any more
  bool active = false;  ///< somebody reads it
  bool failover = false;
  std::string wal_status;
  std::string loss;  ///< why it is of no use any more; empty: it is
  std::uint64_t retained_bytes = 0;
  std::uint64_t unconfirmed_bytes = 0;
  std::optional<std::int64_t> safe_wal_bytes;
  std::uint64_t retained_bytes_max = 0;  ///< ECHODB_MAX_RETAINED_WAL
  std::uint64_t releases = 0;            ///< how often it was given up because of that
};

/// Something of ours in the source that somebody dropped or altered: control/installation.h.
struct InstallationStatus {
  std::string what;   ///< a clause: "the publication echodb is gone"
  std::string since;  ///< when this worker first saw it, UTC
};

/// What a worker tells about itself: a consistent copy, made by the stream's thread several times a second.
struct WorkerStatus {
  std::string state = "starting";  ///< starting, follower, copying, streaming, error, stopping
  bool connected = false;          ///< the replication stream is open
  bool is_leader = false;
  std::uint64_t epoch = 0;  ///< of this worker's leadership; 0 while it does not lead
  std::string leader;       ///< who leads, as far as this worker knows; empty: nobody
  Lsn received;             ///< end of the last transaction read
  Lsn applied;              ///< everything before it is in ClickHouse
  Lsn source_position;      ///< what the source last said of its own log
  std::uint64_t lag_bytes = 0;
  double lag_ms = 0;  ///< age of the oldest change that is not in ClickHouse yet; 0 when there is none
  std::uint64_t rows_copied = 0;
  std::uint64_t rows_to_copy = 0;
  bool rows_to_copy_known = true;  ///< false: PostgreSQL never counted some of the tables (ANALYZE)
  std::uint64_t rows_applied = 0;
  std::uint64_t transactions = 0;
  std::uint64_t buffered_bytes = 0;
  std::uint64_t mirrors_created = 0;
  std::uint64_t mirrors_dropped = 0;
  std::uint64_t mirrors_failed = 0;
  std::uint64_t retries = 0;
  std::uint64_t messages_skipped = 0;        ///< with our prefix, and not by our triggers
  std::chrono::milliseconds refused_for{0};  ///< for so long nothing has got through to ClickHouse that was tried
  std::string last_error;                    ///< empty: none
  std::string last_error_at;                 ///< when, in UTC
  std::string remade;                        ///< why every table was copied again from the start; empty: it was not
  std::string remade_at;                     ///< when, in UTC
  SlotStatus slot;
  std::vector<InstallationStatus> installation;  ///< empty: all is as setup left it
  std::vector<TableStatus> tables;
  std::vector<UnmirroredStatus> unmirrored;  ///< those in state error are among `tables` too
  std::uint64_t described_again = 0;         ///< times that such a table was, since the stream began
  std::vector<UnansweredStatus> unanswered;
  std::vector<TextFallback> text_fallbacks;
  std::vector<BreakerStatus> breakers;

  /// Of now.
  void note_error(std::string what) {
    last_error = std::move(what);
    last_error_at = utc_text();
  }

  /// Tables that are watched and, without a reason, not mirrored, or the reverse.
  [[nodiscard]] std::size_t watched_not_mirrored() const {
    return static_cast<std::size_t>(std::ranges::count(unmirrored, "error", &UnmirroredStatus::state));
  }
};

}  // namespace echodb
