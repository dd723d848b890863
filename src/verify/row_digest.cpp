#include "verify/row_digest.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "verify/json_document.h"

namespace echodb {
namespace {

/// Any number will do that is the same on both sides.
constexpr std::uint64_t kNullDigest = 0x6E756C6CU;

std::uint64_t hash(Bytes bytes) { return XXH64(bytes.data(), bytes.size(), 0); }

/// How ClickHouse's xxHash64 makes one hash of those of its arguments: CityHash's Hash128to64.
std::uint64_t combined(std::uint64_t low, std::uint64_t high) {
  constexpr std::uint64_t kMultiplier = 0x9DDFEA08EB382D69U;
  constexpr int kShift = 47;
  std::uint64_t a = (low ^ high) * kMultiplier;
  a ^= a >> kShift;
  std::uint64_t b = (high ^ a) * kMultiplier;
  b ^= b >> kShift;
  return b * kMultiplier;
}

bool is_json(const TargetType& type) {
  return type.form == ValueForm::JsonObject || type.form == ValueForm::JsonbObject;
}

/// The bytes of a String after their length.
Bytes text_of(Bytes stored) {
  std::size_t at = 0;
  while (at < stored.size() && (std::to_integer<unsigned>(stored[at]) & 0x80U) != 0) ++at;
  return stored.subspan(std::min(at + 1, stored.size()));
}

}  // namespace

ValueDigest::ValueDigest(const TargetType& type) : flagged_(type.nullable) {
  if (type.is_array()) {
    form_ = Form::Array;
  } else if (is_json(type)) {
    form_ = Form::Json;
  } else {
    form_ = type.value_type == "String" ? Form::Text : Form::Fixed;
  }
}

std::uint64_t ValueDigest::of(const ColumnBuilder& column, std::size_t row) {
  if (flagged_ && column.is_null(row)) return kNullDigest;
  scratch_.clear();
  column.put_row_binary(row, scratch_);
  Bytes value = scratch_.bytes();
  if (flagged_) {
    // The text that stands for an array of several dimensions keeps the mark that it is one.
    const bool is_text_of_array = form_ == Form::Array && value.front() != std::byte{0};
    if (!is_text_of_array) value = value.subspan(1);
  }
  switch (form_) {
    case Form::Fixed:
    case Form::Array: return hash(value);
    case Form::Text: return hash(text_of(value));
    case Form::Json: return hash(as_bytes(normal_json(as_text(text_of(value)))));
  }
  return 0;
}

void DigestFold::add(std::uint64_t digest) {
  const std::uint64_t hashed = hash(std::as_bytes(std::span(&digest, 1)));
  value_ = empty_ ? hashed : combined(value_, hashed);
  empty_ = false;
}

bool digests_in_place(const TargetType& type) {
  // Servers that have Time64 may not hash it.
  return !type.is_array() && !is_json(type) && type.form != ValueForm::TimeOfDay;
}

std::string digest_expression(std::string_view column, bool nullable) {
  if (!nullable) return fmt::format("xxHash64({})", column);
  return fmt::format("if(isNull({0}), toUInt64({1}), xxHash64(assumeNotNull({0})))", column, kNullDigest);
}

std::string fold_expression(std::span<const std::string> digests) {
  if (digests.empty()) return "toUInt64(0)";
  return fmt::format("xxHash64({})", fmt::join(digests, ", "));
}

}  // namespace echodb
