#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "columns/column_builder.h"
#include "columns/type_map.h"

namespace echodb {

/// 64 bits that stand for one value, whichever side it comes from: the hash of the bytes that ClickHouse holds for it
/// (its RowBinary form without a String's length and without the mark that tells it from NULL). NULL has a number of
/// its own. Both sides are read into the column builders of replication, so this is the only code there is; and the
/// hash is ClickHouse's xxHash64, so that a server can compute the same for a whole range without sending its rows.
///
/// A JSON of ClickHouse's type is not the source's text any more: of both sides the document is compared, without
/// members that are null, empty objects or in another order, a dotted name being the path that ClickHouse makes of it.
class ValueDigest {
 public:
  /// `type` is that of the builders to come.
  explicit ValueDigest(const TargetType& type);

  std::uint64_t of(const ColumnBuilder& column, std::size_t row);

 private:
  enum class Form { Fixed, Text, Array, Json };

  Form form_;
  bool flagged_;  ///< a byte before the value says whether it is NULL, or which member of a Variant it is
  ByteBuffer scratch_;
};

/// The values' digests as one: what another order of the same values would not give. ClickHouse's xxHash64 of them.
class DigestFold {
 public:
  void add(std::uint64_t digest);
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0;
  bool empty_ = true;
};

/// Whether ClickHouse can compute the digest of values of this type itself.
bool digests_in_place(const TargetType& type);
/// The expression for it; `column` is quoted.
std::string digest_expression(std::string_view column, bool nullable);
/// The fold of such expressions.
std::string fold_expression(std::span<const std::string> digests);
/// Two numbers that a server must fold to kProbeFold, or its hash is not ours.
inline constexpr std::string_view kProbeExpression = "xxHash64(xxHash64(toInt32(5)), xxHash64('abc'))";
inline constexpr std::uint64_t kProbeFold = 6'623'165'479'684'785'580U;

}  // namespace echodb
