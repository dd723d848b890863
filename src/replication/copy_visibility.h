#pragma once

#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "postgres/lsn.h"

namespace echodb {

/// Which transactions the copy of a keyless table has seen. A table with a key needs no such thing: a copied row has
/// version 0 and any streamed change of it wins. Without a key the same row would be there twice, so a streamed
/// transaction that the copy's snapshot saw is left out, and one that it did not see is applied.
///
/// Parsed from pg_current_snapshot(), "xmin:xmax:xip,xip,…", 64-bit ids; the stream carries the low 32 bits, which
/// are extended to the nearest full id around xmax.
class CopyVisibility {
 public:
  /// Throws Error(ProtocolViolation) when the text is not a snapshot.
  static CopyVisibility parse(std::string_view snapshot);

  [[nodiscard]] bool sees(Xid xid) const;

 private:
  std::uint64_t xmin_ = 0;
  std::uint64_t xmax_ = 0;
  std::set<std::uint64_t> in_progress_;
};

/// Between the copier, which takes the snapshot, and the stream, which must know for every change whether the snapshot
/// has it. Until the copier has passed the gate the stream leaves every change to the copy, and notes whose it was; the
/// copier takes a snapshot, and passes if that sees all of them.
struct CopyGate {
  std::mutex mutex;
  std::optional<CopyVisibility> visibility;  ///< guarded by mutex; nullopt: not taken yet, everything is seen
  std::set<Xid> left_out;  ///< guarded by mutex; transactions of changes that the snapshot must therefore see
};

}  // namespace echodb
