#pragma once

#include "base/bytes.h"
#include "clickhouse/native_block.h"
#include "columns/row_binary_reader.h"

namespace echodb {

/// The bytes that Native puts before the values of a Nullable column: 1 where the value is NULL. Inactive, and free,
/// for columns that are not nullable.
class NullMap {
 public:
  explicit NullMap(bool active) : active_(active) {}

  [[nodiscard]] bool active() const { return active_; }
  [[nodiscard]] std::size_t bytes() const { return flags_.size(); }
  [[nodiscard]] bool is_null(std::size_t row) const { return active_ && flags_.data()[row] != std::byte{0}; }

  void append_value() {
    if (active_) *flags_.extend(1) = std::byte{0};
  }
  /// Throws Error(UnsupportedValue) for a column that has no NULL.
  void append_null() {
    if (!active_) throw Error(ErrorCode::UnsupportedValue, "NULL in a column that is declared NOT NULL");
    *flags_.extend(1) = std::byte{1};
  }
  /// Whether the value that follows in RowBinary is NULL; a NULL has no bytes beside its flag.
  [[nodiscard]] bool read_flag(RowBinaryReader& reader) const { return active_ && reader.read<std::uint8_t>() != 0; }
  /// Adds that flag; whether the value is NULL.
  bool put_flag(std::size_t row, ByteBuffer& out) const {
    if (active_) out.append_little_endian(static_cast<std::uint8_t>(is_null(row)));
    return is_null(row);
  }
  void truncate(std::size_t rows) {
    if (active_) flags_.truncate(rows);
  }
  void clear() { flags_.clear(); }
  void write(NativeBlock& block) const {
    if (active_) block.append_borrowed(flags_.bytes());
  }

 private:
  ByteBuffer flags_;
  bool active_;
};

}  // namespace echodb
