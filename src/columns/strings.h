#pragma once

#include <vector>

#include "columns/column_builder.h"
#include "columns/null_map.h"
#include "columns/text_rendering.h"

namespace echodb {

/// A String column: each value is its length as a varuint and its bytes, any bytes. Where a row begins is kept beside
/// them, so that rows can be taken away or copied without a walk from the start.
///
/// A JSON column too: Native has a form of it that is the number 1 and Strings of the documents. Were it declared as
/// String, ClickHouse would cast it without regard to the settings that keep texts from becoming dates.
class StringColumn final : public ColumnBuilder {
 public:
  explicit StringColumn(const TargetType& type);

  [[nodiscard]] std::string type_name() const override { return type_name_; }
  [[nodiscard]] std::size_t rows() const override { return starts_.size(); }
  [[nodiscard]] std::size_t bytes() const override;
  void append_binary(Bytes value) override { append(decoded(decoders_.binary, value)); }
  void append_text(std::string_view value) override { append(decoded(decoders_.text, as_bytes(value))); }
  void append_null() override;
  void append_default() override;
  void append_row_binary(RowBinaryReader& reader) override;
  void append_from(const ColumnBuilder& other, std::size_t row) override;
  [[nodiscard]] bool is_null(std::size_t row) const override { return nulls_.is_null(row); }
  void put_row_binary(std::size_t row, ByteBuffer& out) const override;
  void put_text(std::size_t row, std::string& out) const override;
  void truncate(std::size_t rows) override;
  void clear() override;
  void write(NativeBlock& block) const override;

 private:
  /// The row's length and bytes.
  [[nodiscard]] Bytes stored(std::size_t row) const {
    const std::size_t end = row + 1 < rows() ? starts_[row + 1] : values_.size();
    return values_.bytes().subspan(starts_[row], end - starts_[row]);
  }
  std::string_view decoded(StringDecoder decoder, Bytes value) {
    if (decoder == nullptr) return as_text(value);
    scratch_.clear();
    return decoder(value, scratch_);
  }
  void append(std::string_view value) {
    nulls_.append_value();
    store(value);
  }
  void store(std::string_view value) {
    starts_.push_back(values_.size());
    values_.append_string(value);
  }

  std::string type_name_;
  bool is_json_;
  std::string_view default_;
  StringDecoders decoders_;
  bool is_bytea_;
  NullMap nulls_;
  std::vector<std::size_t> starts_;  ///< where each row begins in values_
  ByteBuffer values_;
  fmt::memory_buffer scratch_;
};

}  // namespace echodb
