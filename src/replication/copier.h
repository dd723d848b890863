#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "catalog/store.h"
#include "replication/copy_board.h"
#include "replication/copy_job.h"

namespace echodb {

/// Copies tables while the stream is being applied. A table with a key is cut into ranges of its heap, each copied in
/// a short transaction of its own and recorded when ClickHouse has it, so that a restart goes on at the next range.
/// Its rows have version 0: whatever the stream says about a row wins, whichever arrives first. A row that moves to
/// another range was updated, so the stream carries it.
///
/// A table without a key is copied in one transaction, whose snapshot tells the stream which changes the copy has.
///
/// `start` and `cancel` may be called from any thread.
class Copier {
 public:
  struct Options {
    std::uint32_t workers = 2;
    std::uint64_t block_rows_max = 50'000;
    std::uint64_t block_bytes_max = 4ULL << 20;
    PostgresSettings source;
    ClickHouseSettings clickhouse;
    TypeChoices choices;
    std::function<bool(const Error&)> transient;  ///< the same range may succeed later (control/error_policy)
    std::function<void()> on_event;               ///< called on a copier's thread
  };
  Copier(Options options, CatalogStore& catalog);
  ~Copier();

  void start(CopyJob job);
  /// Ends the table's copy, if any, and whatever it waits for; returns when none of its threads sends rows any more.
  void cancel(Oid table) { board_.cancel(table); }
  /// Ends all jobs soon; whoever waits in `cancel` goes on. Whether nobody was at work on one.
  bool stop();

  std::vector<CopyEvent> take_events();

  struct Progress {
    std::uint64_t rows_copied = 0;   ///< by jobs of this process
    std::uint64_t rows_to_copy = 0;  ///< the source's estimate for the same jobs
    bool rows_to_copy_known = true;  ///< false: the source never counted some of the tables
  };
  [[nodiscard]] Progress progress() const {
    return {rows_copied_.load(), rows_to_copy_.load(), rows_to_copy_known_.load()};
  }

 private:
  struct Tools;  ///< a thread's connections

  void work(std::stop_token stop);
  void carry_out(Tools& tools, CopyWork work);
  void fail(Tools& tools, CopyWork work, const Error& error);
  void plan(Tools& tools, CopyWork& work);
  std::vector<CopyRange> plan_ranges(Tools& tools, const CopyJob& job, bool is_bag);
  void copy_range(Tools& tools, CopyWork& work);
  bool try_read_range(Tools& tools, CopyWork& work);
  void copy_whole(Tools& tools, CopyWork& work);
  struct Place {
    std::string relation;    ///< quoted
    std::uint64_t base = 0;  ///< of a keyless table's rows: keeps the partitions' places apart
  };
  void read_range(Tools& tools, const RunningCopy& copy, CopyRange& range, const Place& place);
  void emit(CopyEvent event);

  Options options_;
  CatalogStore& catalog_;
  CopyBoard board_;
  std::mutex mutex_;
  std::vector<CopyEvent> events_;  ///< guarded by mutex_
  std::atomic<std::uint64_t> rows_copied_{0};
  std::atomic<std::uint64_t> rows_to_copy_{0};
  std::atomic<bool> rows_to_copy_known_{true};
  std::vector<std::jthread> threads_;
};

}  // namespace echodb
