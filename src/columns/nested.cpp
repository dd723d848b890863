#include "columns/nested.h"

#include <typeinfo>

#include "base/assert.h"
#include "columns/array_text.h"
#include "columns/make_column.h"
#include "columns/value_errors.h"

namespace echodb {
namespace {

TargetType element_type(const TargetType& array) {
  TargetType element = array;
  element.array = false;
  element.nullable = true;
  element.native_type = "Nullable(" + array.value_type + ")";
  element.column_type = element.native_type;
  return element;
}

}  // namespace

ArrayColumn::ArrayColumn(const TargetType& type)
    : type_name_(type.native_type), nullable_(type.nullable), elements_(make_column(element_type(type))) {}

std::size_t ArrayColumn::bytes() const {
  return elements_->bytes() + discriminators_.size() + ends_.size() * sizeof(ends_.front());
}

// dimensions:int32 has_null:int32 element_type:uint32 {length:int32 lower_bound:int32}{dimensions}
// {size:int32 byte{size}}{length}, where a size of -1 is NULL. An empty array has no dimension.
void ArrayColumn::append_binary(Bytes value) {
  drop_open_row();
  ByteReader reader(value);
  const auto dimensions = reader.read<std::int32_t>();
  reader.read<std::int32_t>();
  reader.read<std::uint32_t>();
  if (dimensions < 0) malformed_value("array");
  if (dimensions > 1) unsupported_value("array of several dimensions", type_name_);
  if (dimensions == 1) {
    const auto length = reader.read<std::int32_t>();
    if (reader.read<std::int32_t>() != 1) unsupported_value("array whose index does not begin at 1", type_name_);
    for (std::int32_t index = 0; index < length; ++index) {
      const auto size = reader.read<std::int32_t>();
      if (size < -1) malformed_value("array");
      if (size == -1) {
        elements_->append_null();
      } else {
        elements_->append_binary(reader.read_bytes(static_cast<std::size_t>(size)));
      }
    }
  }
  reader.expect_end();
  end_row(kArray);
}

void ArrayColumn::append_text(std::string_view value) {
  drop_open_row();
  ArrayTextReader reader(value);
  while (reader.next()) {
    if (reader.is_null()) {
      elements_->append_null();
    } else {
      elements_->append_text(reader.element());
    }
  }
  end_row(kArray);
}

void ArrayColumn::append_null() {
  if (!nullable_) throw Error(ErrorCode::UnsupportedValue, "NULL in an array column that is declared NOT NULL");
  drop_open_row();
  end_row(kNull);
}

void ArrayColumn::append_default() {
  drop_open_row();
  end_row(nullable_ ? kNull : kArray);
}

void ArrayColumn::append_row_binary(RowBinaryReader& reader) {
  drop_open_row();
  if (nullable_) {
    const auto discriminator = reader.read<std::byte>();
    if (discriminator == kNull) return end_row(kNull);
    if (discriminator != kArray) throw Error(ErrorCode::ProtocolViolation, "Variant with an unknown discriminator");
  }
  const std::uint64_t length = reader.read_var_uint();
  for (std::uint64_t index = 0; index < length; ++index) elements_->append_row_binary(reader);
  end_row(kArray);
}

void ArrayColumn::append_from(const ColumnBuilder& other, std::size_t row) {
  ECHO_ASSERT(typeid(other) == typeid(*this));
  const auto& from = static_cast<const ArrayColumn&>(other);
  ECHO_ASSERT(row < from.rows());
  drop_open_row();
  if (from.is_null(row)) return append_null();
  const std::uint64_t end = from.ends_[row];
  for (std::uint64_t element = from.start(row); element < end; ++element) {
    elements_->append_from(*from.elements_, element);
  }
  end_row(kArray);
}

void ArrayColumn::end_row(std::byte discriminator) {
  ends_.push_back(elements_->rows());
  if (nullable_) *discriminators_.extend(1) = discriminator;
}

void ArrayColumn::drop_open_row() { elements_->truncate(start(rows())); }

void ArrayColumn::truncate(std::size_t rows) {
  ECHO_ASSERT(rows <= ends_.size());
  ends_.resize(rows);
  if (nullable_) discriminators_.truncate(rows);
  drop_open_row();
}

void ArrayColumn::clear() {
  ends_.clear();
  discriminators_.clear();
  elements_->clear();
}

void ArrayColumn::write(NativeBlock& block) const {
  // A row that was refused half-way must not leak its elements into the block.
  ECHO_ASSERT(elements_->rows() == start(rows()));
  if (!nullable_) {
    block.append_borrowed(std::as_bytes(std::span(ends_)));
  } else {
    constexpr std::uint64_t kBasicMode = 0;
    block.append_copy(std::as_bytes(std::span(&kBasicMode, 1)));
    block.append_borrowed(discriminators_.bytes());
    std::vector<std::uint64_t> ends_of_arrays;
    ends_of_arrays.reserve(ends_.size());
    for (std::size_t row = 0; row < ends_.size(); ++row) {
      if (!is_null(row)) ends_of_arrays.push_back(ends_[row]);
    }
    block.append_copy(std::as_bytes(std::span(ends_of_arrays)));
  }
  elements_->write(block);
}

}  // namespace echodb
