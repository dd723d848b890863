#include "columns/strings.h"

#include <iterator>
#include <typeinfo>

#include "base/assert.h"

namespace echodb {

StringColumn::StringColumn(const TargetType& type)
    : type_name_(type.native_type),
      is_json_(type.form == ValueForm::JsonObject || type.form == ValueForm::JsonbObject),
      default_(is_json_ ? "{}" : ""),
      decoders_(string_decoders(type.form)),
      is_bytea_(type.form == ValueForm::Bytea),
      nulls_(type.nullable) {}

std::size_t StringColumn::bytes() const {
  return values_.size() + nulls_.bytes() + starts_.size() * sizeof(starts_.front());
}

void StringColumn::append_null() {
  nulls_.append_null();
  store(default_);
}

void StringColumn::append_default() {
  if (nulls_.active()) return append_null();
  append(default_);
}

void StringColumn::append_row_binary(RowBinaryReader& reader) {
  if (nulls_.read_flag(reader)) return append_null();
  append(reader.read_string());
}

void StringColumn::append_from(const ColumnBuilder& other, std::size_t row) {
  ECHO_ASSERT(typeid(other) == typeid(*this));
  const auto& from = static_cast<const StringColumn&>(other);
  ECHO_ASSERT(row < from.rows());
  if (from.nulls_.is_null(row)) return append_null();
  const std::size_t start = from.starts_[row];
  const std::size_t size = from.stored(row).size();
  nulls_.append_value();
  starts_.push_back(values_.size());
  // The room comes first: `other` may be this very column, whose memory moves as it grows.
  std::byte* to = values_.extend(size);
  std::memcpy(to, from.values_.data() + start, size);
}

void StringColumn::put_row_binary(std::size_t row, ByteBuffer& out) const {
  ECHO_ASSERT(row < rows());
  if (!nulls_.put_flag(row, out)) out.append(stored(row));
}

void StringColumn::put_text(std::size_t row, std::string& out) const {
  ECHO_ASSERT(row < rows());
  const std::string_view value = RowBinaryReader(stored(row)).read_string();
  if (!is_bytea_) {
    out += value;
    return;
  }
  out += "\\x";
  for (std::byte byte : as_bytes(value)) {
    fmt::format_to(std::back_inserter(out), "{:02x}", std::to_integer<unsigned>(byte));
  }
}

void StringColumn::truncate(std::size_t rows) {
  ECHO_ASSERT(rows <= starts_.size());
  nulls_.truncate(rows);
  if (rows == starts_.size()) return;
  values_.truncate(starts_[rows]);
  starts_.resize(rows);
}

void StringColumn::clear() {
  nulls_.clear();
  starts_.clear();
  values_.clear();
}

void StringColumn::write(NativeBlock& block) const {
  constexpr std::uint64_t kJsonAsStrings = 1;
  if (is_json_) block.append_copy(std::as_bytes(std::span(&kJsonAsStrings, 1)));
  nulls_.write(block);
  block.append_borrowed(values_.bytes());
}

}  // namespace echodb
