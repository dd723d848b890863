#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <vector>

#include "replication/lane.h"
#include "replication/table_registry.h"
#include "replication/watermark.h"

namespace echodb {

/// Decides when a table's gathered rows go on their way, so that they are seen soon and a table makes a bounded number
/// of parts per second. The first rows after a pause go at once. Rows that trickle in are gathered for as long as an
/// insert into every table that has rows takes; a busy table's for the interval. While no writer is free they grow, up
/// to the caps, and the table that has waited longest is next. A table whose inserts ClickHouse finds too many makes
/// fewer and larger ones: its interval doubles with every refusal, and comes back with every success. Owned by the
/// stream's thread.
class Batcher {
 public:
  using Clock = SteadyClock;

  struct Options {
    std::chrono::milliseconds interval{100};
    std::size_t waiting_max = 2;  ///< inserts that wait for a writer: more would only be smaller ones
    std::uint64_t rows_max = 200'000;
    std::uint64_t bytes_max = 32ULL << 20;
  };
  Batcher(Options options, TableRegistry& registry, Watermark& watermark, LaneScheduler& lanes)
      : options_(options), registry_(registry), watermark_(watermark), lanes_(lanes) {}

  /// The batch to add a row of this version to. Rows of another version are sealed first.
  TableBatch& open(MirroredTable& table, LiveVersion& version);
  /// Accounts for a row that was added, and for the values that have to be looked up for it; seals a batch that has
  /// reached a cap, in the middle of a transaction too.
  void grew(MirroredTable& table, std::size_t bytes, std::size_t missing_values);

  /// Hands the table's rows to its lane.
  void seal(MirroredTable& table);
  /// Forgets the table's rows; their ticket, if any, is the caller's to close or to hand on.
  std::optional<Watermark::Ticket> discard(MirroredTable& table);
  /// Between transactions: seals what is due. `drained`: nothing more is waiting to be read.
  void seal_due(bool drained);
  void seal_all();

  /// ClickHouse had too much to do for an insert of this lane, or has taken one.
  void refused(const Lane& lane);
  void taken(const Lane& lane, Clock::duration took);

  /// When the next table will be due; nullopt when nothing is gathered or a lane has to finish first.
  [[nodiscard]] std::optional<Clock::time_point> next_due() const;

  /// Memory in open batches and in lanes.
  [[nodiscard]] std::size_t buffered_bytes() const { return open_bytes_ + lane_bytes_; }
  void written(std::size_t bytes) { lane_bytes_ -= bytes; }

 private:
  [[nodiscard]] bool due(const MirroredTable& table, Clock::time_point now, bool drained) const;
  [[nodiscard]] std::chrono::milliseconds interval(const Lane& lane) const;
  [[nodiscard]] Clock::duration gap(const MirroredTable& table) const;
  void close(MirroredTable& table);

  Options options_;
  TableRegistry& registry_;
  Watermark& watermark_;
  LaneScheduler& lanes_;
  std::vector<MirroredTable*> gathering_;                        ///< tables with an open batch
  std::map<const Lane*, int> strain_;                            ///< doublings of the interval, of lanes that have any
  Clock::duration insert_cost_ = std::chrono::milliseconds(10);  ///< what one takes, of late
  std::size_t open_bytes_ = 0;
  std::size_t lane_bytes_ = 0;
};

}  // namespace echodb
