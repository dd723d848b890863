#pragma once

#include <memory>
#include <vector>

#include "columns/column_builder.h"
#include "columns/source_text.h"
#include "columns/type_map.h"

namespace echodb {

/// Array(T), Array(Nullable(T)), or Variant(Array(Nullable(T)), String) where the array itself may be NULL: ClickHouse
/// has no Nullable array. The Variant's String is for the arrays that an Array cannot hold, those of several dimensions
/// and those whose index does not begin at 1: they arrive as the text that PostgreSQL prints. What has no place in the
/// column is refused. pgvector's vector is an Array(Float32) in the same way, whose elements are never NULL.
///
///   Array   := end:uint64{rows} element{last end}
///   Variant := mode:uint64(0) discriminator:uint8{rows} Array String
///              0 an array, 1 a text, 255 NULL (in the order of the types' names); Array and String have their own only
class ArrayColumn final : public ColumnBuilder {
 public:
  explicit ArrayColumn(const TargetType& type);

  [[nodiscard]] std::string type_name() const override { return type_name_; }
  [[nodiscard]] std::size_t rows() const override { return ends_.size(); }
  [[nodiscard]] std::size_t bytes() const override;
  void append_binary(Bytes value) override;
  void append_text(std::string_view value) override;
  void append_null() override;
  void append_default() override;
  void append_row_binary(RowBinaryReader& reader) override;
  void append_from(const ColumnBuilder& other, std::size_t row) override;
  [[nodiscard]] bool is_null(std::size_t row) const override { return kind(row) == Kind::Null; }
  void put_row_binary(std::size_t row, ByteBuffer& out) const override;
  void put_text(std::size_t row, std::string& out) const override;
  SourceTextColumn* source_text() override { return texts_.get(); }
  void truncate(std::size_t rows) override;
  void clear() override;
  void write(NativeBlock& block) const override;

 private:
  /// The Variant's discriminators.
  enum class Kind : std::uint8_t { Array = 0, Text = 1, Null = 255 };

  [[nodiscard]] bool nullable() const { return texts_ != nullptr; }
  [[nodiscard]] Kind kind(std::size_t row) const { return nullable() ? kinds_[row] : Kind::Array; }
  [[nodiscard]] std::uint64_t start(std::size_t row) const { return row == 0 ? 0 : ends_[row - 1]; }
  /// Which of the texts is the row's. REQUIRES: kind(row) == Kind::Text.
  [[nodiscard]] std::size_t text_index(std::size_t row) const;
  /// Reads a binary array's elements; false, and nothing is read, when an Array cannot hold it.
  bool read_elements(Bytes value);
  void append_null_element();
  void read_vector(Bytes value);
  void read_vector_text(std::string_view value);
  void put_vector_text(std::size_t row, std::string& out) const;
  /// Where the text is to be added. Throws Error(UnsupportedValue) when the column has no place for it.
  ColumnBuilder& irregular();
  /// Makes a row of the elements or the text that were added since the last one.
  void end_row(Kind kind);
  /// Takes away the elements of a row that was refused half-way.
  void drop_open_row();

  std::string type_name_;
  ArrayForm form_;
  char delimiter_;
  bool nullable_elements_;
  std::vector<Kind> kinds_;          ///< only when nullable
  std::vector<std::uint64_t> ends_;  ///< of each row in the elements; a NULL and a text have none
  std::unique_ptr<ColumnBuilder> elements_;
  std::unique_ptr<SourceTextColumn> texts_;  ///< of the rows in text_rows_; only when nullable
  std::vector<std::size_t> text_rows_;
};

}  // namespace echodb
