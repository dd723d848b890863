#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "clickhouse/client.h"
#include "postgres/lsn.h"
#include "replication/lane.h"

namespace echodb {

/// What ClickHouse itself remembers of the source it holds, in the table `_echodb_bookmark` of the target database. The
/// catalog lives in the source and goes back with it when a backup is restored; this does not, so that the difference
/// shows. The catalog's applied position is stored first: the bookmark is never ahead of it, unless the source went
/// back.
struct Bookmark {
  std::string stream;
  std::string system_identifier;
  std::uint32_t timeline = 0;
  Lsn applied;
  std::uint64_t number = 0;  ///< rises with each write; never a clock
};

/// nullopt before the first one was written.
std::optional<Bookmark> read_bookmark(const ClickHouseSettings& settings, const std::string& stream,
                                      std::stop_token stop);
/// Stores a bookmark as the newest of its stream.
void write_bookmark(const ClickHouseSettings& settings, Bookmark bookmark, std::stop_token stop);

/// The same from a lane, so that a slow ClickHouse does not hold up the stream's thread.
class BookmarkTask final : public LaneTask {
 public:
  BookmarkTask(std::string database, Bookmark bookmark)
      : database_(std::move(database)), bookmark_(std::move(bookmark)) {}
  void run(WriterTools& tools) override;
  [[nodiscard]] bool writes_rows() const override { return true; }

 private:
  std::string database_;
  Bookmark bookmark_;
};

}  // namespace echodb
