#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace echodb {

/// Points where a crash is most dangerous: something has been done and not yet been written down, or the reverse. At
/// a point that ECHODB_FAILPOINTS names, the process sends itself SIGKILL when it passes it the given time. For tests.
inline constexpr std::array<std::string_view, 29> kFailpoints{
    "setup.faults_recorded",     // nothing of what is missing has been put back
    "setup.unheard_described",   // the installation counts as unfinished still
    "setup.triggers_installed",  // in the transaction that also makes the publication
    "setup.source_installed",    // that transaction is committed
    "setup.tables_published",    // every table is in the publication, there is no slot yet
    "setup.remake_recorded",     // the catalog says that the slot is of no use, the slot is still there
    "setup.slot_dropped",        // to be made again
    "setup.slot_created",        // not recorded yet
    "setup.leftovers_dropped",   // targets of tables that the source lost meanwhile
    "setup.bookmark_written",    // ClickHouse knows of the new stream, the catalog does not
    "setup.recorded",            // the slot's snapshot is still open
    "release.recorded",          // the slot is about to be dropped
    "teardown.step_done",        // after each thing that is taken out
    "insert.completed",          // rows are ready to be sent
    "insert.acknowledged",       // ClickHouse has them, their ticket is open
    "status.sent",               // the slot may move
    "progress.saved",            // the applied position is in the catalog
    "bookmark.claimed",          // ClickHouse knows of the run, the catalog does not know that
    "bookmark.written",          // ClickHouse has the position, the catalog does not know that
    "target.created",            // before the catalog knows
    "schema.step_done",          // after each step of a schema change
    "schema.saved",              // the catalog has the new state, the copy that follows has not begun
    "truncate.applied",          // before the catalog knows
    "shadow.created",            // empty
    "exchange.before",           // the shadow is complete
    "exchange.done",             // what was there before is the shadow now
    "copy.range_written",        // ClickHouse has a range, the catalog does not know
    "copy.range_recorded",       // both do
    "copy.finished",             // the stream has still to hear of it
};

/// A name of the list; any other does not compile.
class Failpoint {
 public:
  consteval Failpoint(const char* name)
      : index_(index_of(name)) {}  // implicit: a call reads failpoint("copy.finished")
  [[nodiscard]] constexpr std::size_t index() const { return index_; }

  static constexpr std::size_t index_of(std::string_view name) {
    std::size_t index = 0;
    while (kFailpoints.at(index) != name) ++index;
    return index;
  }

 private:
  std::size_t index_;
};

/// The process ends at the `passage`th time it passes the point, counted from 1.
struct FailpointRule {
  std::string name;
  std::uint64_t passage = 1;
};

/// Call once, before the first thread starts. REQUIRES: every name is in the list.
void switch_on_failpoints(const std::vector<FailpointRule>& rules);

namespace detail {
inline std::atomic<bool> failpoints_on{false};
void pass_failpoint(std::size_t index);
}  // namespace detail

inline void failpoint(Failpoint point) {
  if (detail::failpoints_on.load(std::memory_order_relaxed)) detail::pass_failpoint(point.index());
}

}  // namespace echodb
