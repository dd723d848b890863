#include "columns/nested.h"

#include <algorithm>
#include <typeinfo>

#include "base/assert.h"
#include "columns/array_text.h"
#include "columns/make_column.h"
#include "columns/value_errors.h"

namespace echodb {
namespace {

TargetType element_type(const TargetType& array) {
  TargetType element = array;
  element.array = ArrayForm::None;
  element.nullable = array.nullable_elements;
  element.native_type = element.nullable ? "Nullable(" + array.value_type + ")" : array.value_type;
  element.column_type = element.native_type;
  return element;
}

TargetType text_type(const TargetType& array) {
  return {.column_type = "String",
          .native_type = "String",
          .value_type = "String",
          .form = ValueForm::SourceText,
          .source_oid = array.source_oid};
}

}  // namespace

ArrayColumn::ArrayColumn(const TargetType& type)
    : type_name_(type.native_type),
      form_(type.array),
      delimiter_(type.delimiter),
      nullable_elements_(type.nullable_elements),
      elements_(make_column(element_type(type))),
      texts_(type.nullable ? std::make_unique<SourceTextColumn>(text_type(type)) : nullptr) {}

std::size_t ArrayColumn::bytes() const {
  return elements_->bytes() + kinds_.size() + ends_.size() * sizeof(ends_.front()) + (nullable() ? texts_->bytes() : 0);
}

// dimensions:int32 has_null:int32 element_type:uint32 {length:int32 lower_bound:int32}{dimensions}
// {size:int32 byte{size}}{length}, where a size of -1 is NULL. An empty array has no dimension.
bool ArrayColumn::read_elements(Bytes value) {
  ByteReader reader(value);
  const auto dimensions = reader.read<std::int32_t>();
  reader.read<std::int32_t>();
  reader.read<std::uint32_t>();
  if (dimensions < 0) malformed_value("array");
  if (dimensions > 1) return false;
  if (dimensions == 1) {
    const auto length = reader.read<std::int32_t>();
    if (reader.read<std::int32_t>() != 1) return false;
    for (std::int32_t index = 0; index < length; ++index) {
      const auto size = reader.read<std::int32_t>();
      if (size < -1) malformed_value("array");
      if (size == -1) {
        append_null_element();
      } else {
        elements_->append_binary(reader.read_bytes(static_cast<std::size_t>(size)));
      }
    }
  }
  reader.expect_end();
  return true;
}

// dimensions:int16 unused:int16 float4{dimensions}
void ArrayColumn::read_vector(Bytes value) {
  ByteReader reader(value);
  const auto dimensions = reader.read<std::int16_t>();
  reader.read<std::int16_t>();
  for (int index = 0; index < dimensions; ++index) elements_->append_binary(reader.read_bytes(sizeof(float)));
  reader.expect_end();
}

/// "[1,2.5]"
void ArrayColumn::read_vector_text(std::string_view value) {
  if (!value.starts_with('[') || !value.ends_with(']')) malformed_value("vector");
  for (value = value.substr(1, value.size() - 2); !value.empty();) {
    const std::size_t comma = value.find(',');
    elements_->append_text(value.substr(0, comma));
    if (comma == std::string_view::npos) return;
    value.remove_prefix(comma + 1);
    if (value.empty()) malformed_value("vector");
  }
}

ColumnBuilder& ArrayColumn::irregular() {
  if (!nullable()) {
    refuse_array("array of several dimensions, or whose index does not begin at 1,", type_name_);
  }
  return *texts_;
}

void ArrayColumn::append_null_element() {
  if (!nullable_elements_) refuse_null_element(type_name_);
  elements_->append_null();
}

void ArrayColumn::append_binary(Bytes value) {
  drop_open_row();
  if (form_ == ArrayForm::Vector) {
    read_vector(value);
    return end_row(Kind::Array);
  }
  if (read_elements(value)) return end_row(Kind::Array);
  irregular().append_binary(value);
  end_row(Kind::Text);
}

void ArrayColumn::append_text(std::string_view value) {
  drop_open_row();
  if (form_ == ArrayForm::Vector) {
    read_vector_text(value);
    return end_row(Kind::Array);
  }
  if (is_irregular_array(value)) {
    irregular().append_text(value);
    return end_row(Kind::Text);
  }
  ArrayTextReader reader(value, delimiter_);
  while (reader.next()) {
    if (reader.is_null()) {
      append_null_element();
    } else {
      elements_->append_text(reader.element());
    }
  }
  end_row(Kind::Array);
}

void ArrayColumn::append_null() {
  if (!nullable()) refuse_array("NULL in place of an array", type_name_);
  drop_open_row();
  end_row(Kind::Null);
}

void ArrayColumn::append_default() {
  drop_open_row();
  end_row(nullable() ? Kind::Null : Kind::Array);
}

void ArrayColumn::append_row_binary(RowBinaryReader& reader) {
  drop_open_row();
  const Kind kind = nullable() ? reader.read<Kind>() : Kind::Array;
  if (kind == Kind::Null) return end_row(kind);
  if (kind == Kind::Text) {
    texts_->append_row_binary(reader);
    return end_row(kind);
  }
  if (kind != Kind::Array) throw Error(ErrorCode::ProtocolViolation, "Variant with an unknown discriminator");
  const std::uint64_t length = reader.read_var_uint();
  for (std::uint64_t index = 0; index < length; ++index) elements_->append_row_binary(reader);
  end_row(kind);
}

void ArrayColumn::append_from(const ColumnBuilder& other, std::size_t row) {
  ECHO_ASSERT(typeid(other) == typeid(*this));
  const auto& from = static_cast<const ArrayColumn&>(other);
  ECHO_ASSERT(row < from.rows());
  drop_open_row();
  const Kind kind = from.kind(row);
  if (kind == Kind::Null) return append_null();
  if (kind == Kind::Text) {
    irregular().append_from(*from.texts_, from.text_index(row));
    return end_row(kind);
  }
  const std::uint64_t end = from.ends_[row];
  for (std::uint64_t element = from.start(row); element < end; ++element) {
    elements_->append_from(*from.elements_, element);
  }
  end_row(kind);
}

void ArrayColumn::put_row_binary(std::size_t row, ByteBuffer& out) const {
  ECHO_ASSERT(row < rows());
  if (nullable()) out.append_little_endian(kind(row));
  if (kind(row) == Kind::Text) return texts_->put_row_binary(text_index(row), out);
  if (kind(row) == Kind::Null) return;
  out.append_var_uint(ends_[row] - start(row));
  for (std::uint64_t element = start(row); element < ends_[row]; ++element) elements_->put_row_binary(element, out);
}

void ArrayColumn::put_text(std::size_t row, std::string& out) const {
  ECHO_ASSERT(row < rows() && !is_null(row));
  if (kind(row) == Kind::Text) return texts_->put_text(text_index(row), out);
  if (form_ == ArrayForm::Vector) return put_vector_text(row, out);
  ArrayTextWriter writer(out, delimiter_);
  std::string text;
  for (std::uint64_t element = start(row); element < ends_[row]; ++element) {
    if (elements_->is_null(element)) {
      writer.add_null();
      continue;
    }
    text.clear();
    elements_->put_text(element, text);
    writer.add(text);
  }
  writer.finish();
}

void ArrayColumn::put_vector_text(std::size_t row, std::string& out) const {
  out += '[';
  for (std::uint64_t element = start(row); element < ends_[row]; ++element) {
    if (element != start(row)) out += ',';
    elements_->put_text(element, out);
  }
  out += ']';
}

std::size_t ArrayColumn::text_index(std::size_t row) const {
  return static_cast<std::size_t>(std::ranges::lower_bound(text_rows_, row) - text_rows_.begin());
}

void ArrayColumn::end_row(Kind kind) {
  if (kind == Kind::Text) text_rows_.push_back(rows());
  ends_.push_back(elements_->rows());
  if (nullable()) kinds_.push_back(kind);
}

void ArrayColumn::drop_open_row() {
  elements_->truncate(start(rows()));
  if (nullable()) texts_->truncate(text_rows_.size());
}

void ArrayColumn::truncate(std::size_t rows) {
  ECHO_ASSERT(rows <= ends_.size());
  ends_.resize(rows);
  if (nullable()) kinds_.resize(rows);
  while (!text_rows_.empty() && text_rows_.back() >= rows) text_rows_.pop_back();
  drop_open_row();
}

void ArrayColumn::clear() {
  ends_.clear();
  kinds_.clear();
  text_rows_.clear();
  elements_->clear();
  if (nullable()) texts_->clear();
}

void ArrayColumn::write(NativeBlock& block) const {
  // A row that was refused half-way must not leak its elements into the block.
  ECHO_ASSERT(elements_->rows() == start(rows()));
  if (!nullable()) {
    block.append_borrowed(std::as_bytes(std::span(ends_)));
    return elements_->write(block);
  }
  ECHO_ASSERT(texts_->rows() == text_rows_.size());
  constexpr std::uint64_t kBasicMode = 0;
  block.append_copy(std::as_bytes(std::span(&kBasicMode, 1)));
  block.append_borrowed(std::as_bytes(std::span(kinds_)));
  std::vector<std::uint64_t> ends_of_arrays;
  ends_of_arrays.reserve(ends_.size());
  for (std::size_t row = 0; row < ends_.size(); ++row) {
    if (kind(row) == Kind::Array) ends_of_arrays.push_back(ends_[row]);
  }
  block.append_copy(std::as_bytes(std::span(ends_of_arrays)));
  elements_->write(block);
  texts_->write(block);
}

}  // namespace echodb
