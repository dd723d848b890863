#pragma once

#include <functional>
#include <map>
#include <vector>

#include "replication/table_batch.h"
#include "verify/check_report.h"
#include "verify/source_reader.h"
#include "verify/stream_position.h"
#include "verify/target_reader.h"

namespace echodb {

/// Compares a table without a key: how many rows of each content there are.
///
/// The source is read at one moment. The target is read once, with all rows and tombstones that it holds, and what was
/// live as of that moment follows exactly: a row is an identity (content's hash, LSN of the commit that inserted it,
/// ordinal), live from that LSN until the version of its tombstone. Both sides hash the content alike, so no row has
/// to be matched with another one. A tombstone that came since has taken the row's values with it; its identity is
/// enough to count it.
///
/// What differs is certain when a second comparison, at a later moment, gives the same for the same content, and no
/// transaction that was in progress at the first is still in progress at the second (see Settlement).
class BagComparison {
 public:
  struct Tools {
    const Settings& settings;
    const CheckedTable& table;
    SourceReader& source;
    TargetReader& target;
    StreamPosition& position;
    std::function<void(std::uint64_t rows, std::uint64_t of)> on_progress;
    std::stop_token stop;
  };
  explicit BagComparison(Tools tools) : tools_(std::move(tools)) {}

  /// The rows of one content, that of one hash.
  struct Content {
    std::uint64_t in_source = 0;
    std::uint64_t in_target = 0;          ///< live as of the moment, tampered ones too
    std::vector<BagIdentity> live;        ///< in the target, still live when it was read
    std::vector<BagIdentity> tampered;    ///< of those, the ones whose values are not those of the hash
    std::vector<BagIdentity> impossible;  ///< inserted or deleted at a version beyond the log's end
    std::uint64_t digest = 0;             ///< of the source's values

    [[nodiscard]] bool equal() const { return in_source == in_target && tampered.empty() && impossible.empty(); }
    [[nodiscard]] bool differs_like(const Content& other) const;
  };
  using Contents = std::map<RowHash, Content>;

  struct Outcome {
    std::uint64_t source_rows = 0;
    std::uint64_t target_rows = 0;
    std::uint64_t mismatched = 0;
    std::uint64_t undecided = 0;
    std::vector<ReportedMismatch> mismatches;
    Lsn position;
  };
  Outcome run();

  /// A hash as a literal of ClickHouse's.
  static std::string literal(const RowHash& hash);

  /// What the last run found certain to differ, and where: for the repair.
  [[nodiscard]] const Contents& differing() const { return certain_; }

 private:
  struct Pass;
  /// The columns in which tampered rows of these contents are not what their hash says.
  using DifferingColumns = std::map<RowHash, std::vector<std::string>>;

  void compare(Pass& pass);
  void read_source(Pass& pass, std::uint64_t part, std::uint64_t parts);
  void read_target(Pass& pass, std::uint64_t part, std::uint64_t parts);
  static void match(Pass& pass);
  void describe(Outcome& outcome);
  DifferingColumns differing_columns();

  Tools tools_;
  Contents certain_;
};

}  // namespace echodb
