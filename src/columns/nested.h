#pragma once

#include <memory>
#include <vector>

#include "columns/column_builder.h"
#include "columns/type_map.h"

namespace echodb {

/// Array(Nullable(T)), or Variant(Array(Nullable(T))) where the array itself may be NULL: ClickHouse has no Nullable
/// array, and a Variant of one type holds NULL beside the arrays without loss.
///
///   Array   := end:uint64{rows} element{last end}
///   Variant := mode:uint64(0) discriminator:uint8{rows} Array      0 an array, 255 NULL; the Array of the others only
///
/// Refuses arrays of several dimensions and those whose index does not begin at 1.
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
  void truncate(std::size_t rows) override;
  void clear() override;
  void write(NativeBlock& block) const override;

 private:
  static constexpr std::byte kArray{0};
  static constexpr std::byte kNull{255};

  [[nodiscard]] bool is_null(std::size_t row) const { return nullable_ && discriminators_.data()[row] == kNull; }
  [[nodiscard]] std::uint64_t start(std::size_t row) const { return row == 0 ? 0 : ends_[row - 1]; }
  /// Makes a row of the elements that were added since the last one.
  void end_row(std::byte discriminator);
  /// Takes away the elements of a row that was refused half-way.
  void drop_open_row();

  std::string type_name_;
  bool nullable_;
  ByteBuffer discriminators_;        ///< only when nullable
  std::vector<std::uint64_t> ends_;  ///< of each row in the elements; a NULL has none
  std::unique_ptr<ColumnBuilder> elements_;
};

}  // namespace echodb
