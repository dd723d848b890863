#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "replication/watermark.h"
#include "replication/writer_tools.h"

namespace echodb {

class Lane;

/// A place in a lane: behind so many of the steps that it was ever given.
struct LanePlace {
  std::shared_ptr<Lane> lane;
  std::uint64_t steps = 0;
};

/// How a step ends that is not done.
enum class StepEnd { Failed, NotReached };

/// One step of a table's way into ClickHouse: rows to insert, or a schema change. Safe to run again after a failure.
class LaneTask {
 public:
  virtual ~LaneTask() = default;
  virtual void run(WriterTools& tools) = 0;
  /// It has rows for the target: when it succeeds, the target takes rows.
  [[nodiscard]] virtual bool writes_rows() const { return false; }
  /// Lets go of its rows, if it has any: running it does nothing then. Not while it runs.
  virtual void discard_rows() {}
  /// It is tried again after this failure, transient or not: nobody could settle it.
  [[nodiscard]] virtual bool insists_on(const Error&) const { return false; }
  /// Memory it holds, for the budget.
  [[nodiscard]] virtual std::size_t bytes() const { return 0; }
  /// Tickets to close once it has run.
  std::vector<Watermark::Ticket> tickets;
  /// Once it has run: its tickets stay open until the stream has read this far, because it wrote into the log.
  Lsn written_until;
  /// Called on the stream's thread when the step will not be done, because it, or one before it in its lane, failed for
  /// good. Whoever gave the lane a step that nothing else makes up for is told here.
  std::function<void(StepEnd)> dropped = {};

 private:
  friend class LaneScheduler;
  std::vector<LanePlace> after_;  ///< what other lanes must have done before
};

}  // namespace echodb
