#include "columns/source_text.h"

#include "base/assert.h"
#include "clickhouse/native_block.h"

namespace echodb {

SourceTextColumn::SourceTextColumn(const TargetType& type) : source_oid_(type.source_oid), nullable_(type.nullable) {}

std::string SourceTextColumn::type_name() const { return nullable_ ? "Nullable(String)" : "String"; }

std::size_t SourceTextColumn::bytes() const { return values_.size() + rows_.size() * sizeof(Row); }

std::vector<Bytes> SourceTextColumn::pending_values() const {
  std::vector<Bytes> pending;
  pending.reserve(pending_);
  for (const Row& row : rows_) {
    if (row.state == State::Pending) pending.push_back(values_.bytes().subspan(row.offset, row.size));
  }
  return pending;
}

void SourceTextColumn::resolve(std::span<const std::optional<std::string>> texts) {
  if (texts.size() != pending_)
    throw Error(ErrorCode::ProtocolViolation, "the source rendered another number of values");
  auto text = texts.begin();
  for (Row& row : rows_) {
    if (row.state != State::Pending) continue;
    if (!text->has_value()) throw Error(ErrorCode::ProtocolViolation, "the source rendered a value as NULL");
    row = {.offset = values_.size(), .size = (*text)->size(), .state = State::Text};
    values_.append(**text);
    --pending_;
    ++text;
  }
}

void SourceTextColumn::append(State state, Bytes value) {
  rows_.push_back({.offset = values_.size(), .size = value.size(), .state = state});
  values_.append(value);
  if (state == State::Pending) ++pending_;
}

void SourceTextColumn::append_binary(Bytes value) { append(State::Pending, value); }

void SourceTextColumn::append_text(std::string_view value) { append(State::Text, as_bytes(value)); }

void SourceTextColumn::append_null() {
  if (!nullable_) throw Error(ErrorCode::UnsupportedValue, "NULL in a column that is declared NOT NULL");
  append(State::Null, {});
}

void SourceTextColumn::append_default() { append(nullable_ ? State::Null : State::Text, {}); }

void SourceTextColumn::append_row_binary(RowBinaryReader& reader) {
  if (nullable_ && reader.read<std::uint8_t>() != 0) return append_null();
  append_text(reader.read_string());
}

void SourceTextColumn::append_from(const ColumnBuilder& other, std::size_t row) {
  const auto* from = dynamic_cast<const SourceTextColumn*>(&other);
  ECHO_ASSERT(from != nullptr && row < from->rows_.size());
  const Row source = from->rows_[row];
  if (source.state == State::Null) return append_null();
  // The room comes first: `other` may be this very column, whose memory moves as it grows.
  const Row copy{.offset = values_.size(), .size = source.size, .state = source.state};
  std::byte* to = values_.extend(source.size);
  if (source.size != 0) std::memcpy(to, from->values_.data() + source.offset, source.size);
  rows_.push_back(copy);
  if (source.state == State::Pending) ++pending_;
}

std::string_view SourceTextColumn::text(std::size_t row) const {
  ECHO_ASSERT(row < rows_.size() && rows_[row].state != State::Pending);
  return values_.text().substr(rows_[row].offset, rows_[row].size);
}

void SourceTextColumn::put_row_binary(std::size_t row, ByteBuffer& out) const {
  if (nullable_) out.append_little_endian(static_cast<std::uint8_t>(is_null(row)));
  if (!is_null(row)) out.append_string(text(row));
}

void SourceTextColumn::put_text(std::size_t row, std::string& out) const { out += text(row); }

void SourceTextColumn::truncate(std::size_t rows) {
  ECHO_ASSERT(rows <= rows_.size());
  for (; rows_.size() > rows; rows_.pop_back()) {
    if (rows_.back().state == State::Pending) --pending_;
  }
}

void SourceTextColumn::clear() {
  rows_.clear();
  values_.clear();
  pending_ = 0;
}

void SourceTextColumn::write(NativeBlock& block) const {
  ECHO_ASSERT(pending_ == 0);
  ByteBuffer nulls;
  ByteBuffer strings;
  for (const Row& row : rows_) {
    if (nullable_) *nulls.extend(1) = std::byte{row.state == State::Null};
    strings.append_string(values_.text().substr(row.offset, row.size));
  }
  block.append_copy(nulls.bytes());
  block.append_copy(strings.bytes());
}

}  // namespace echodb
