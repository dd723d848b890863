#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "replication/copy_board.h"
#include "replication/copy_job.h"
#include "replication/copy_reader.h"

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
    TypeChoices choices;
    MakeCopyReader make_reader;                   ///< called by each thread for its own
    std::function<bool(const Error&)> transient;  ///< the same range may succeed later (control/error_policy)
    std::function<void()> on_event;               ///< called on a copier's thread
    CopyBoard::Options board;
  };
  Copier(Options options, StreamCatalog& catalog);
  ~Copier();

  void start(CopyJob job);
  /// Ends the table's copy, if any, and whatever it waits for; returns when none of its threads sends rows any more.
  void cancel(Oid table) { board_.cancel(table); }
  /// The same; when it returns, nothing of the table's copies is at work in the target either. Throws what the target
  /// says meanwhile, and has to be called again then.
  void drain(Oid table, TargetClient& target);
  /// Ends all jobs soon; whoever waits in `cancel` goes on. Whether nobody was at work on one.
  bool stop();
  /// Does what there is to do next on the caller's thread, as one of the copier's does; false when there is nothing.
  bool run_due();

  std::vector<CopyEvent> take_events();
  [[nodiscard]] const CopyProgress& progress() const { return progress_; }

 private:
  struct Worker;  ///< a thread's reader

  void work(std::stop_token stop);
  void take_on(Worker& worker, CopyWork work);
  CopyOutcome carry_out(CopyReader& reader, CopyWork& work, Lsn& seen_to);
  void fail(CopyReader& reader, CopyWork work, const Error& error);
  void give_back(CopyWork work, CopyOutcome outcome, const CopyFailure& failure, Lsn seen_to);
  void emit(CopyEvent event);

  Options options_;
  StreamCatalog& catalog_;
  CopyBoard board_;
  CopyProgress progress_;
  Mutex mutex_;
  std::vector<CopyEvent> events_ ECHODB_GUARDED_BY(mutex_);
  std::vector<std::jthread> threads_;
};

}  // namespace echodb
