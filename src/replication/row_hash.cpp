#include "replication/row_hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace echodb {

void RowHasher::add(std::int16_t attnum, const TupleValue& value) {
  if (value.kind == TupleValue::Kind::Null) return;
  XXH128_hash_t of = XXH3_128bits_withSeed(value.value.data(), value.value.size(), static_cast<XXH64_hash_t>(attnum));
  std::uint64_t low = hash_.low + of.low64;
  std::uint64_t carry = low < hash_.low ? 1 : 0;
  hash_ = {.low = low, .high = hash_.high + of.high64 + carry};
}

}  // namespace echodb
