#pragma once

#include <string>
#include <vector>

#include "replication/table_batch.h"

namespace echodb {

/// How the rows of a batch follow from one another. Rows are in the order of their changes, so a row is the next
/// version of the latest row before it with the same key. A tombstone ends that. An UPDATE that changes the key is a
/// tombstone of the old key and, with the same stamp, the row of the new key right behind it: that row is the next
/// version of what the old key was.
///
///   0  row        key 1         first version of key 1
///   1  row        key 1         next version of 0
///   2  tombstone  key 1
///   3  row        key 2  (= 2)  next version of 1; has had the keys 2 and 1
class RowHistory {
 public:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  explicit RowHistory(TableBatch& batch);

  /// The row's key as RowBinary: rows of one key have equal ones.
  [[nodiscard]] const std::string& key(std::size_t row) const { return keys_[row]; }
  /// The version before this one; kNone when it is not in the batch.
  [[nodiscard]] std::size_t previous(std::size_t row) const { return versions_[row].previous; }
  /// A row, maybe a tombstone, whose key the row had when the batch began; kNone when no row of that key was left then.
  [[nodiscard]] std::size_t key_before_batch(std::size_t row) const;
  /// The row had another key when the batch began.
  [[nodiscard]] bool rekeyed(std::size_t row) const { return versions_[row].rekeyed != kNone; }

 private:
  struct Version {
    std::size_t previous = kNone;
    std::size_t first = kNone;    ///< the earliest version in the batch
    std::size_t rekeyed = kNone;  ///< the latest version, up to this one, that changed the key
    bool reborn = false;          ///< its key was deleted earlier in the batch
  };

  std::vector<std::string> keys_;
  std::vector<Version> versions_;  ///< tombstones have none worth looking at
};

}  // namespace echodb
