#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "catalog/records.h"
#include "replication/lane.h"
#include "replication/missing_value_size.h"
#include "replication/table_batch.h"
#include "replication/table_phase.h"

namespace echodb {

/// One schema a table has had, with what the stream needs to read rows written under it.
struct LiveVersion {
  TableVersion version;
  std::shared_ptr<const TablePlan> plan;                      ///< made when the first row needs it
  std::shared_ptr<const std::vector<std::size_t>> positions;  ///< made with the plan: TableRegistry::streamed_columns
};

using Lanes = std::vector<std::shared_ptr<Lane>>;

/// A mirrored table as the stream's thread sees it. Only that thread touches it.
class MirroredTable {
 public:
  explicit MirroredTable(TableRecord of) : record(std::move(of)), phase_(phase_of(record.state)) {}

  TableRecord record;                 ///< without versions: those are below; its state is that of the phase
  std::vector<LiveVersion> versions;  ///< by rising LSN; never empty
  std::shared_ptr<Lane> lane;         ///< its own
  Lanes earlier_lanes;                ///< of all that had the target's name before: the first step waits for them
  std::vector<LanePlace> awaited;     ///< where others give up names that this table has taken: see TableNames

  std::unique_ptr<TableBatch> open;  ///< rows read and not yet handed to the lane
  Watermark::Ticket open_ticket = 0;
  std::size_t open_bytes = 0;
  SteadyClock::time_point opened_at;
  SteadyClock::time_point last_sealed;

  /// Until its first copy is in: others may have written to it before it was published.
  bool written_unpublished = false;
  std::vector<Watermark::Ticket> owed;  ///< for the next step, which makes up for what they stand for
  std::shared_ptr<MissingValueSize> missing_value_size = std::make_shared<MissingValueSize>();
  std::uint64_t rows_applied = 0;

  /// Where the transaction ended that described it last; nullopt: one of an earlier run.
  std::optional<Lsn> described;

  /// What its rows show has changed with the transaction that ended there.
  void note_types_changed(Lsn commit) {
    record.types_changed = std::max(record.types_changed.value_or(commit), commit);
  }

  [[nodiscard]] const TableSchema& schema() const { return versions.back().version.schema; }
  [[nodiscard]] std::string name() const { return schema().qualified_name(); }

  /// What the phase has, nullptr in another one.
  template <typename Phase>
  [[nodiscard]] Phase* as() {
    return std::get_if<Phase>(&phase_);
  }
  template <typename Phase>
  [[nodiscard]] const Phase* as() const {
    return std::get_if<Phase>(&phase_);
  }
  template <typename Phase>
  [[nodiscard]] bool is() const {
    return std::holds_alternative<Phase>(phase_);
  }
  /// Rows are read and go somewhere; nullptr when they are not.
  [[nodiscard]] Followed* followed() {
    if (auto* streaming = as<Streaming>()) return streaming;
    return as<Copying>();
  }
  [[nodiscard]] const Followed* followed() const {
    if (const auto* streaming = as<Streaming>()) return streaming;
    return as<Copying>();
  }
  /// A table without a key whose copy has its rows in one transaction.
  [[nodiscard]] bool is_copied_whole() const { return is<Copying>() && followed()->gate != nullptr; }

  /// A table that is followed before and after takes along what that has; what another one leaves open is owed.
  template <typename Phase>
  Phase& enter() {
    Phase next;
    if constexpr (std::derived_from<Phase, Followed>) {
      if (Followed* before = followed()) static_cast<Followed&>(next) = std::exchange(*before, {});
    } else {
      owe_lost_schema();
      owe_left_in_log();
    }
    phase_ = std::move(next);
    record.state = state_of(phase_);
    return std::get<Phase>(phase_);
  }
  /// The next step makes up for a schema that was lost, if one was: the table's rows are read again.
  void owe_lost_schema();
  /// The next step makes up for what was left in the log: it is in the copy that follows, or of no use any more.
  void owe_left_in_log();

  /// Between two events these hold, in every build; ECHO_ASSERT says which one does not.
  void check_invariants() const;

 private:
  TablePhase phase_;
};

}  // namespace echodb
