#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "catalog/stream_catalog.h"
#include "clickhouse/target_client.h"
#include "config/settings.h"
#include "postgres/lsn.h"
#include "replication/lane_task.h"

namespace echodb {

inline constexpr std::string_view kBookmarkTable = "_echodb_bookmark";

/// What ClickHouse itself remembers of the source it holds, in the table `_echodb_bookmark` of the target database:
/// whose the database is, and how far it has come. The catalog lives in the source and goes back with it when a backup
/// is restored; the bookmark goes back with the target. So each shows when the other one did.
///
/// What each side says of the other was true before it is written, whenever the process dies:
///
///   1. catalog:  everything up to L is in the target        streams.applied_lsn = L
///   2. target:   bookmark number N, with the position L     a row here
///   3. catalog:  the target has acknowledged number N       streams.target_number = N
///
/// A bookmark whose position is beyond the catalog's means a source that went back, one whose number is below the
/// catalog's a target that went back, and one with another id, or none, another target. For example, with number 1004
/// in the catalog:
///
///   bookmark 1005: killed between 2 and 3, or the source went back
///   bookmark 1004: nothing happened, or killed between 1 and 2
///   bookmark 1003: the target is an earlier state of itself
///
/// Numbers rise with each write, and by a thousand with each run: a write of an earlier leader that arrives late has a
/// number that is used up. In a new slot's stream they go on from both sides' numbers.
struct Bookmark {
  std::string stream;
  std::string database;  ///< of the source; empty: a version wrote it that did not say
  std::string system_identifier;
  std::uint32_t timeline = 0;
  Lsn applied;
  std::uint64_t number = 0;
  std::string target_id = {};  ///< random, the target's for life; empty: a version wrote it that knew none
  Oid database_oid = 0;  ///< the source database's for life, whatever its name; 0: a version wrote it that knew none
};

/// The target's bookmark, whoever's it is: the newest with an id. Without any, it is this stream's, or else another
/// one's. nullopt: the target is nobody's.
std::optional<Bookmark> read_bookmark(const ClickHouseSettings& settings, const std::string& stream,
                                      std::stop_token stop);
std::optional<Bookmark> read_bookmark(TargetClient& clickhouse, const std::string& database, const std::string& stream);

/// Stores a bookmark that makes the target this stream's, whoever's it was, and returns it as it was stored: with a
/// number that neither the target has had nor, given in `bookmark`, the catalog, and with the id it was given, or else
/// the target's, or else a new one. Error(TargetTaken) when another source does so at the same time.
Bookmark claim_target(const ClickHouseSettings& settings, Bookmark bookmark, std::stop_token stop);
Bookmark claim_target(TargetClient& clickhouse, const std::string& database, Bookmark bookmark);

/// The bookmark of one run. Its lane calls, one step at a time.
class BookmarkKeeper {
 public:
  BookmarkKeeper(StreamCatalog& catalog, std::string target_database, Bookmark claimed)
      : catalog_(catalog), target_database_(std::move(target_database)), held_(std::move(claimed)) {}

  /// Stores a position, which the catalog knows already, unless the target no longer has what this run stored last.
  void store(TargetClient& clickhouse, Lsn applied);
  /// Why the target is not the one that this run writes to; empty: it is.
  [[nodiscard]] std::string examine(TargetClient& clickhouse) const;

 private:
  [[nodiscard]] bool is_ours(const std::optional<Bookmark>& found) const;

  StreamCatalog& catalog_;
  std::string target_database_;
  Bookmark held_;                      ///< acknowledged
  std::uint64_t sent_ = held_.number;  ///< the last number that may have arrived
};

/// Stores the position from a lane, so that a slow ClickHouse does not hold up the stream's thread.
class BookmarkTask final : public LaneTask {
 public:
  BookmarkTask(BookmarkKeeper& keeper, Lsn applied) : keeper_(keeper), applied_(applied) {}
  void run(WriterTools& tools) override { keeper_.store(tools.clickhouse, applied_); }
  [[nodiscard]] bool writes_rows() const override { return true; }

 private:
  BookmarkKeeper& keeper_;
  Lsn applied_;
};

}  // namespace echodb
