#include "replication/last_rows.h"

#include <bit>
#include <vector>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace echodb {
namespace {

/// The bytes that rows of one key, or entries for one row of a bag, have in common.
void put_key(TableBatch& batch, std::size_t row, ByteBuffer& out) {
  if (batch.plan().is_bag()) {
    const BagIdentity identity = batch.identity(row);
    out.append(std::as_bytes(std::span(&identity, 1)));
    return;
  }
  for (std::size_t column : batch.plan().key()) batch.column(column).put_row_binary(row, out);
}

/// Keys seen so far, by a hash: open addressing over row numbers.
class SeenKeys {
 public:
  explicit SeenKeys(TableBatch& batch)
      : batch_(batch), slots_(std::bit_ceil(2 * batch.rows() + 1)), hashes_(batch.rows()) {}

  /// False when a row of the same key was added before.
  bool add(std::size_t row) {
    key_.clear();
    put_key(batch_, row, key_);
    const std::uint64_t hash = XXH3_64bits(key_.bytes().data(), key_.bytes().size());
    hashes_[row] = hash;
    for (std::size_t at = hash & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
      if (slots_[at] == 0) {
        slots_[at] = row + 1;
        return true;
      }
      if (hashes_[slots_[at] - 1] == hash && same_key(slots_[at] - 1)) return false;
    }
  }

 private:
  bool same_key(std::size_t row) {
    other_.clear();
    put_key(batch_, row, other_);
    return other_.text() == key_.text();
  }

  TableBatch& batch_;
  std::vector<std::size_t> slots_;  ///< row + 1; 0: free
  std::vector<std::uint64_t> hashes_;
  ByteBuffer key_;
  ByteBuffer other_;
};

}  // namespace

void keep_last_rows(TableBatch& batch) {
  if (!batch.may_repeat_keys()) return;
  SeenKeys seen(batch);
  std::vector<bool> keep(batch.rows());
  bool all = true;
  for (std::size_t row = batch.rows(); row-- > 0;) {
    keep[row] = seen.add(row);
    all = all && keep[row];
  }
  if (!all) batch.keep_rows(keep);
}

}  // namespace echodb
