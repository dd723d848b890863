#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "replication/table_batch.h"
#include "verify/check_report.h"
#include "verify/source_reader.h"
#include "verify/stream_position.h"
#include "verify/target_reader.h"

namespace echodb {

/// Compares a table without a key: how many rows of each content there are.
///
/// The source is read in ranges, each at a moment of its own (see HeapWalk); then the target, with all rows and
/// tombstones that it holds. A row there is an identity (content's hash, LSN of the commit that inserted it, ordinal),
/// live from that LSN until the version of its tombstone. So the target tells which contents changed between the first
/// moment and the last: an UPDATE, even to the same values, makes a new identity. Of all others the rows lay still
/// while they were counted, and there must be as many in the source as were live in the target. Both sides hash the
/// content alike, so no row has to be matched with another one.
///
/// What changed while it was read is counted again in another pass, and from the third on at one moment, if the table
/// is small enough for that; else it stays undecided. What differs is certain when two passes in a row give the same,
/// and no transaction that was in progress at the first is still in progress at the second (see Settlement).
///
/// A sample is the contents of one slice of the hashes, taken by chance: all their rows on both sides.
class BagComparison {
 public:
  struct Tools {
    const Settings& settings;
    const CheckedTable& table;
    SourceReader& source;
    TargetReader& target;
    StreamPosition& position;
    std::uint64_t sample_rows = 0;  ///< about so many are compared; 0: all
    std::function<void(std::uint64_t rows, std::uint64_t of)> on_progress;
    std::stop_token stop;
  };
  explicit BagComparison(Tools tools) : tools_(std::move(tools)) {}

  /// The rows of one content, that of one hash.
  struct Content {
    std::uint64_t in_source = 0;
    std::uint64_t in_target = 0;                     ///< live, tampered ones too
    std::vector<BagIdentity> live;                   ///< in the target, still live when it was read
    std::vector<BagIdentity> tampered;               ///< of those, the ones whose values are not those of the hash
    std::vector<BagIdentity> impossible;             ///< inserted or deleted at a version beyond the log's end
    std::vector<std::uint64_t> impossible_versions;  ///< those of them
    std::uint64_t digest = 0;                        ///< of the source's values

    [[nodiscard]] bool equal() const { return in_source == in_target && tampered.empty() && impossible.empty(); }
    [[nodiscard]] bool differs_like(const Content& other) const;
  };
  using Contents = std::map<RowHash, Content>;

  struct Outcome {
    std::uint64_t source_rows = 0;
    std::uint64_t target_rows = 0;
    std::uint64_t mismatched = 0;
    std::uint64_t undecided = 0;  ///< contents
    bool too_many = false;        ///< contents in doubt: the rest of the table was not compared
    std::vector<ReportedMismatch> mismatches;
    Lsn position;
  };
  Outcome run();

  /// What the last run found certain to differ, and where: for the repair.
  [[nodiscard]] const Contents& differing() const { return certain_; }

 private:
  /// The contents whose hashes fall on `number` of `count`.
  struct Slice {
    std::uint64_t number = 0;
    std::uint64_t count = 1;

    [[nodiscard]] bool has(const RowHash& hash) const { return hash.high % count == number; }
  };
  /// A content that was not equal in the last pass.
  struct Doubt {
    std::optional<Content> differed;  ///< nullopt: it changed while it was read
    std::vector<std::uint64_t> in_progress;
    std::chrono::steady_clock::time_point since;
  };
  using Doubts = std::map<RowHash, Doubt>;
  struct Pass;
  /// The columns in which tampered rows of these contents are not what their hash says.
  using DifferingColumns = std::map<RowHash, std::vector<std::string>>;

  void cut();
  void first_pass(Outcome& outcome);
  bool take_up(Pass& pass);
  void look_again(int number);
  void settle(const Pass& pass, bool standbys);
  bool decide(const RowHash& hash, Doubt& doubt, const Pass& pass, bool standbys);
  void read_source(Pass& pass);
  void read_target(Pass& pass);
  static void match(Pass& pass);
  void describe(Outcome& outcome);
  DifferingColumns differing_columns();

  Tools tools_;
  std::vector<Slice> slices_;
  std::uint64_t rows_estimated_ = 0;
  std::uint64_t rows_read_ = 0;
  Doubts doubts_;  ///< of all slices together at the most limits::kCheckCandidatesMax
  Contents certain_;
};

}  // namespace echodb
