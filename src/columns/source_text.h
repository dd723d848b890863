#pragma once

#include <optional>
#include <span>
#include <vector>

#include "columns/column_builder.h"
#include "columns/type_map.h"

namespace echodb {

/// A String column for types whose binary form only the source can turn into text: money, the reg types, composites,
/// ranges of types of one's own, extension types, arrays of those. Values that arrive as text are done; those that
/// arrive as bytes are *pending* until someone has asked the source for their text:
///
///   1. `pending()` > 0 before a batch is written,
///   2. `VALUES ($1), ($2), …` with every parameter in binary format, of type `source_oid()`, from `pending_values()`,
///      and the result in text format (at most 65535 parameters fit into one statement),
///   3. `resolve(texts)` with one text per pending value, in order; after that `write` gives a plain String column.
///
/// The asking session must have the settings whose text is wanted: DateStyle ISO, IntervalStyle postgres,
/// extra_float_digits 1 or more, bytea_output hex, TimeZone UTC. One parameter per value, rather than one array of
/// them, because arrays have no array type of their own and not every type has one.
class SourceTextColumn final : public ColumnBuilder {
 public:
  explicit SourceTextColumn(const TargetType& type);

  [[nodiscard]] Oid source_oid() const { return source_oid_; }
  /// How many values wait for their text.
  [[nodiscard]] std::size_t pending() const { return pending_; }
  /// The binary forms of the pending values, in row order. Valid until the next change of the column.
  [[nodiscard]] std::vector<Bytes> pending_values() const;
  /// Gives the pending values their texts. Throws Error(ProtocolViolation) when there is not one text for each.
  void resolve(std::span<const std::optional<std::string>> texts);

  [[nodiscard]] std::string type_name() const override;
  [[nodiscard]] std::size_t rows() const override { return rows_.size(); }
  [[nodiscard]] std::size_t bytes() const override;
  void append_binary(Bytes value) override;
  void append_text(std::string_view value) override;
  void append_null() override;
  void append_default() override;
  void append_row_binary(RowBinaryReader& reader) override;
  void append_from(const ColumnBuilder& other, std::size_t row) override;
  [[nodiscard]] bool is_null(std::size_t row) const override { return rows_[row].state == State::Null; }
  void put_row_binary(std::size_t row, ByteBuffer& out) const override;
  void put_text(std::size_t row, std::string& out) const override;
  SourceTextColumn* source_text() override { return this; }
  void truncate(std::size_t rows) override;
  void clear() override;
  /// REQUIRES: pending() == 0.
  void write(NativeBlock& block) const override;

 private:
  enum class State : std::uint8_t { Null, Text, Pending };
  struct Row {
    std::size_t offset;  ///< into values_
    std::size_t size;
    State state;
  };
  void append(State state, Bytes value);
  /// REQUIRES: the row is not pending.
  [[nodiscard]] std::string_view text(std::size_t row) const;

  Oid source_oid_;
  bool nullable_;
  std::vector<Row> rows_;
  ByteBuffer values_;
  std::size_t pending_ = 0;
};

}  // namespace echodb
