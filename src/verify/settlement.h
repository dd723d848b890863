#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "verify/source_reader.h"
#include "verify/stream_position.h"
#include "verify/target_reader.h"

namespace echodb {

/// What is wrong with a row of the target.
enum class MismatchKind {
  Missing,    ///< the source has it, the target does not
  Extra,      ///< the other way round
  Different,  ///< both have it, with other values
};

struct Mismatch {
  MismatchKind kind = MismatchKind::Different;
  std::size_t key = 0;               ///< the row of Settlement::keys()
  std::vector<std::string> columns;  ///< those that differ
  std::uint64_t version = 0;         ///< the greatest that the target has under this key; 0: it has none
  bool impossible_version = false;   ///< that version is beyond the log's end: no change of the source wrote it
};

/// Looks again, by key, at rows that differed when they were read at slightly different moments, until each is known to
/// be equal or not.
///
///   1. The source's row is read at a moment (see SourceMoment), then the stream is awaited up to `after`, then the
///      target's row is read with its version, which is the LSN of the commit that wrote it.
///   2. Equal: settled.
///   3. Different, and the version is `before` or later: it changed meanwhile. Look again, after a pause that grows.
///   4. Different, and the version is older than `before`: a mismatch, unless the commit of that version is not visible
///      yet. So it is looked at a second time: with the same version again, and none of the transactions that were in
///      progress at the first look still in progress, it is certain. A transaction that stays in progress longer than
///      a commit can take is not the one, except while commits wait for standbys.
///   5. A version at or beyond the log's end, read after the row, cannot have come from the source: a mismatch.
///
/// What still changes after limits::kCheckLooksMax looks is undecided: neither equal nor a mismatch.
class Settlement {
 public:
  Settlement(const CheckedTable& table, SourceReader& source, TargetReader& target, StreamPosition& position,
             std::stop_token stop);

  /// Takes up a key; the same one only once. False when there are too many already: see limits::kCheckCandidatesMax.
  bool add(const KeyRows& keys, std::size_t row);
  [[nodiscard]] std::size_t candidates() const { return keys_.rows(); }
  /// Forgets the candidates, so that the same object can be used again.
  void clear();

  struct Outcome {
    std::vector<Mismatch> mismatches;
    std::vector<std::size_t> undecided;  ///< rows of keys()
    Lsn position;                        ///< of the last look
  };
  Outcome run();

  [[nodiscard]] KeyRows& keys() { return keys_; }

 private:
  /// A row of either side, by its values' digests.
  struct Row {
    std::vector<std::uint64_t> values;
    std::uint64_t version = 0;
  };
  using Rows = std::map<std::uint64_t, Row>;  ///< by the key's digest

  struct Suspicion {
    std::uint64_t version = 0;
    std::vector<std::uint64_t> in_progress;  ///< at the first look
    std::chrono::steady_clock::time_point since;
  };
  struct Look;

  void look(std::span<const std::size_t> rows, Outcome& outcome, std::vector<std::size_t>& left);
  void look_at_source(std::span<const std::size_t> rows, Look& look);
  void look_at_target(std::span<const std::size_t> rows, Look& look);
  Rows source_rows(std::span<const std::size_t> rows);
  Rows target_rows(std::span<const std::size_t> rows);
  bool judge(std::size_t key, const Look& look, Outcome& outcome);
  bool certain(std::size_t key, std::uint64_t version, const Look& look);
  [[nodiscard]] Mismatch describe(std::size_t key, const Row* source, const Row* target) const;
  void pause(int round) const;

  const CheckedTable& table_;
  SourceReader& source_;
  TargetReader& target_;
  StreamPosition& position_;
  std::stop_token stop_;
  KeyRows keys_;
  std::map<std::uint64_t, std::size_t> known_;  ///< by digest, the row of keys_
  std::map<std::size_t, Suspicion> suspicions_;
};

}  // namespace echodb
