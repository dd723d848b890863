#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "clickhouse/native_block.h"
#include "columns/row_binary_reader.h"

namespace echodb {

class SourceTextColumn;

/// One target column under construction, held in ClickHouse's Native layout from the first byte: a value is decoded
/// once, straight into place, and sending is a matter of pointing at the buffers. Not thread-safe: a batch has one
/// owner at a time.
///
/// Every append adds exactly one row or throws and adds nothing that `truncate` does not take away.
class ColumnBuilder {
 public:
  virtual ~ColumnBuilder() = default;

  /// The ClickHouse type as the Native header names it, e.g. "Nullable(Decimal(10, 2))".
  [[nodiscard]] virtual std::string type_name() const = 0;
  [[nodiscard]] virtual std::size_t rows() const = 0;
  /// Bytes held, for the memory budget and the batch cap.
  [[nodiscard]] virtual std::size_t bytes() const = 0;

  /// A value as the type's send function writes it (COPY BINARY and pgoutput with binary 'true').
  virtual void append_binary(Bytes value) = 0;
  /// A value as the type's output function writes it.
  virtual void append_text(std::string_view value) = 0;
  /// SQL NULL. Throws Error(UnsupportedValue) where the target column has no NULL.
  virtual void append_null() = 0;
  /// NULL where the column has one, otherwise the type's default: fills the columns of a tombstone.
  virtual void append_default() = 0;
  /// A value as ClickHouse writes it in RowBinary for this column's type.
  virtual void append_row_binary(RowBinaryReader& reader) = 0;
  /// Copies a row of another builder of the same type; one of the two may be Nullable and the other not. Throws
  /// Error(UnsupportedValue) when this column cannot hold the value.
  virtual void append_from(const ColumnBuilder& other, std::size_t row) = 0;

  // Reading a row again. REQUIRES: the row holds its value; see `source_text`.
  [[nodiscard]] virtual bool is_null(std::size_t row) const = 0;
  /// Adds the value as ClickHouse writes it in RowBinary for this column's type.
  virtual void put_row_binary(std::size_t row, ByteBuffer& out) const = 0;
  /// Adds the value as text that the source's type reads as exactly this value, though it may print it in another way.
  /// REQUIRES: !is_null(row).
  virtual void put_text(std::size_t row, std::string& out) const = 0;

  /// The part of the column whose texts only the source can give; nullptr where there is none.
  virtual SourceTextColumn* source_text() { return nullptr; }

  /// Takes the rows after `rows` away again.
  virtual void truncate(std::size_t rows) = 0;
  /// Empties the column and keeps its memory for the next batch.
  virtual void clear() = 0;
  /// Adds the column's data, without name and type, to a block. The block borrows the buffers.
  virtual void write(NativeBlock& block) const = 0;
};

}  // namespace echodb
