#pragma once

#include <string>
#include <typeinfo>
#include <utility>

#include "base/assert.h"
#include "columns/column_builder.h"
#include "columns/null_map.h"

namespace echodb {

/// A column of fixed-width values. `Codec` knows one type:
///   using Value = …;                        the value as Native and RowBinary hold it
///   Value from_binary(Bytes) const;         throws Error(UnsupportedValue) for what the target cannot hold
///   Value from_text(std::string_view) const;
///   void to_text(Value, std::string& out) const;   adds it as ColumnBuilder::put_text says
/// The value is decoded before anything is stored, so a refused value leaves the column as it was.
template <typename Codec>
class FixedColumn final : public ColumnBuilder {
 public:
  using Value = typename Codec::Value;
  static constexpr std::size_t kWidth = sizeof(Value);

  FixedColumn(std::string type_name, bool nullable, Codec codec = {})
      : type_name_(std::move(type_name)), codec_(codec), nulls_(nullable) {}

  [[nodiscard]] std::string type_name() const override { return type_name_; }
  [[nodiscard]] std::size_t rows() const override { return values_.size() / kWidth; }
  [[nodiscard]] std::size_t bytes() const override { return values_.size() + nulls_.bytes(); }

  void append_binary(Bytes value) override { append(codec_.from_binary(value)); }
  void append_text(std::string_view value) override { append(codec_.from_text(value)); }
  void append_null() override {
    nulls_.append_null();
    values_.append_little_endian(Value{});
  }
  void append_default() override {
    if (nulls_.active()) return append_null();
    append(Value{});
  }
  void append_row_binary(RowBinaryReader& reader) override {
    if (nulls_.read_flag(reader)) return append_null();
    append(reader.read<Value>());
  }
  void append_from(const ColumnBuilder& other, std::size_t row) override {
    ECHO_ASSERT(typeid(other) == typeid(*this));
    const auto& from = static_cast<const FixedColumn&>(other);
    ECHO_ASSERT(row < from.rows());
    if (from.nulls_.is_null(row)) return append_null();
    append(from.value(row));
  }

  [[nodiscard]] bool is_null(std::size_t row) const override { return nulls_.is_null(row); }
  void put_row_binary(std::size_t row, ByteBuffer& out) const override {
    if (!nulls_.put_flag(row, out)) out.append_little_endian(value(row));
  }
  void put_text(std::size_t row, std::string& out) const override { codec_.to_text(value(row), out); }

  void truncate(std::size_t rows) override {
    ECHO_ASSERT(rows <= this->rows());
    nulls_.truncate(rows);
    values_.truncate(rows * kWidth);
  }
  void clear() override {
    nulls_.clear();
    values_.clear();
  }
  void write(NativeBlock& block) const override {
    nulls_.write(block);
    block.append_borrowed(values_.bytes());
  }

 private:
  [[nodiscard]] Value value(std::size_t row) const {
    ECHO_ASSERT(row < rows());
    Value value;
    std::memcpy(&value, values_.data() + row * kWidth, kWidth);
    return value;
  }
  void append(Value value) {
    nulls_.append_value();
    values_.append_little_endian(value);
  }

  std::string type_name_;
  [[no_unique_address]] Codec codec_;
  NullMap nulls_;
  ByteBuffer values_;
};

}  // namespace echodb
