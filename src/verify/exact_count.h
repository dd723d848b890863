#pragma once

#include "verify/source_reader.h"
#include "verify/stream_position.h"
#include "verify/target_reader.h"

namespace echodb {

/// Counts both sides as of one position, while both change.
///
/// The source's snapshot stays open for the moment it takes: its count, less those of its rows that the target says
/// changed at that position or later, must be the number of the target's live rows whose version is older. One
/// statement of one scan, and so at one instant, gives both the keys of the changed rows and the count of the others.
/// Of a table without a key, what was live at the position follows from its identities.
///
/// Both counts are reported as of the position: the target's is that of its unchanged rows, with the changed ones as
/// many as the source had of them.
class ExactCount {
 public:
  ExactCount(const CheckedTable& table, SourceReader& source, TargetReader& target, StreamPosition& position,
             std::stop_token stop);

  struct Outcome {
    bool exact = false;
    std::uint64_t source_rows = 0;
    std::uint64_t target_rows = 0;
    Lsn position;
  };
  Outcome run();

 private:
  Outcome attempt(SourceMoment& moment);
  Outcome attempt_keyed(const SourceMoment& moment, std::uint64_t source_rows);
  Outcome attempt_bag(const SourceMoment& moment, std::uint64_t source_rows);

  const CheckedTable& table_;
  SourceReader& source_;
  TargetReader& target_;
  StreamPosition& position_;
  std::stop_token stop_;
};

}  // namespace echodb
