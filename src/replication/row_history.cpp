#include "replication/row_history.h"

#include <unordered_map>

#include "base/assert.h"

namespace echodb {
namespace {

std::string key_of(TableBatch& batch, std::size_t row) {
  ByteBuffer key;
  for (std::size_t column : batch.plan().key()) batch.column(column).put_row_binary(row, key);
  return std::string(key.text());
}

}  // namespace

RowHistory::RowHistory(TableBatch& batch) : versions_(batch.rows()) {
  /// What the batch has said last about a key.
  struct Latest {
    std::size_t row = kNone;
    bool deleted = false;
  };
  std::unordered_map<std::string_view, Latest> latest;
  Latest before_tombstone;
  keys_.reserve(batch.rows());  // the map looks into the strings
  for (std::size_t row = 0; row < batch.rows(); ++row) {
    keys_.push_back(key_of(batch, row));
    Latest& here = latest[keys_.back()];
    if (batch.is_tombstone(row)) {
      before_tombstone = here;
      here = {.deleted = true};
      continue;
    }
    const bool rekeyed = row > 0 && batch.is_tombstone(row - 1) && batch.stamp(row - 1) == batch.stamp(row);
    const Latest& prior = rekeyed ? before_tombstone : here;
    Version& version = versions_[row];
    version = prior.row == kNone ? Version{.first = row, .reborn = prior.deleted} : versions_[prior.row];
    version.previous = prior.row;
    if (rekeyed) version.rekeyed = row;
    here = {.row = row};
  }
}

std::size_t RowHistory::key_before_batch(std::size_t row) const {
  const std::size_t first = versions_[row].first;
  ECHO_ASSERT(first != kNone);
  if (versions_[first].reborn) return kNone;
  return versions_[first].rekeyed == first ? first - 1 : first;
}

}  // namespace echodb
