#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "postgres/tuple_value.h"

namespace echodb {

/// 128 bits that stand for a whole row of a table without a key: equal rows have equal hashes, and two different ones
/// share theirs by accident less often than a disk lies.
struct RowHash {
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  auto operator<=>(const RowHash&) const = default;
};

/// The hash of one value is that of its bytes as they came, seeded with the column's attnum; a row's is the sum over
/// its columns, and NULL adds nothing. So a column that is added later and holds NULL changes no row's hash.
class RowHasher {
 public:
  void add(std::int16_t attnum, const TupleValue& value);
  [[nodiscard]] RowHash hash() const { return hash_; }

 private:
  RowHash hash_;
};

}  // namespace echodb

template <>
struct std::hash<echodb::RowHash> {
  std::size_t operator()(const echodb::RowHash& of) const noexcept { return of.low; }
};
