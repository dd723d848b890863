#pragma once

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/mutex.h"
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
  [[nodiscard]] bool sees_all(const auto& transactions) const {
    return std::ranges::all_of(transactions, [this](Xid xid) { return sees(xid); });
  }

 private:
  std::uint64_t xmin_ = 0;
  std::uint64_t xmax_ = 0;
  std::set<std::uint64_t> in_progress_;
};

/// Between the copier, which takes the snapshot, and the stream, which must know for every change whether the snapshot
/// has it. Until the copier has passed the gate the stream leaves every change to the copy, and notes whose it was; the
/// copier takes a snapshot, and passes if that sees all of them.
class CopyGate {
 public:
  CopyGate() = default;
  /// Of a copy that has passed before, with this snapshot.
  explicit CopyGate(CopyVisibility snapshot) : snapshot_(std::move(snapshot)) {}

  /// For the copier: passes if the snapshot sees every transaction of which the stream has left out changes.
  [[nodiscard]] bool try_pass(CopyVisibility snapshot);
  [[nodiscard]] bool has_passed() const;
  /// For the stream: whether it leaves this transaction's changes out, because the copy has them, or is to have them.
  [[nodiscard]] bool leaves_out(Xid xid);

 private:
  mutable Mutex mutex_;
  std::optional<CopyVisibility> snapshot_ ECHODB_GUARDED_BY(mutex_);
  std::set<Xid> left_out_ ECHODB_GUARDED_BY(mutex_);  ///< until a snapshot is there
};

}  // namespace echodb
