#include "verify/key_rows.h"

#include <nlohmann/json.hpp>

#include "base/assert.h"
#include "columns/make_column.h"

namespace echodb {
namespace {

/// As people write it; PostgreSQL reads it with and without the dashes.
std::string with_dashes(const std::string& uuid) {
  std::string text;
  for (std::size_t digit = 0; digit < uuid.size(); ++digit) {
    if (digit == 8 || digit == 12 || digit == 16 || digit == 20) text += '-';
    text += uuid[digit];
  }
  return text;
}

}  // namespace

KeyRows::KeyRows(std::shared_ptr<const TablePlan> plan) : plan_(std::move(plan)) {
  ECHO_ASSERT(!plan_->is_bag());
  for (std::size_t column : plan_->key()) {
    columns_.push_back(make_column(plan_->columns()[column].type));
    digests_.emplace_back(plan_->columns()[column].type);
  }
}

void KeyRows::clear() {
  for (auto& column : columns_) column->clear();
}

void KeyRows::truncate(std::size_t rows) {
  for (auto& column : columns_) column->truncate(rows);
}

void KeyRows::add(const KeyRows& from, std::size_t row) {
  for (std::size_t part = 0; part < columns_.size(); ++part) columns_[part]->append_from(*from.columns_[part], row);
}

void KeyRows::add(std::span<const ColumnBuilder* const> key, std::size_t row) {
  for (std::size_t part = 0; part < columns_.size(); ++part) columns_[part]->append_from(*key[part], row);
}

std::uint64_t KeyRows::digest(std::size_t row) {
  DigestFold fold;
  for (std::size_t part = 0; part < columns_.size(); ++part) fold.add(digests_[part].of(*columns_[part], row));
  return fold.value();
}

std::string KeyRows::row_binary(std::size_t row) const {
  ByteBuffer bytes;
  for (const auto& column : columns_) column->put_row_binary(row, bytes);
  return std::string(bytes.text());
}

std::string KeyRows::text(std::size_t row, std::size_t part) const {
  std::string text;
  if (!columns_[part]->is_null(row)) columns_[part]->put_text(row, text);
  return text;
}

nlohmann::json KeyRows::show(std::size_t row) const {
  nlohmann::json key = nlohmann::json::object();
  for (std::size_t part = 0; part < columns_.size(); ++part) {
    const PlannedColumn& column = plan_->columns()[plan_->key()[part]];
    key[column.source_name] = column.type.form == ValueForm::Uuid ? with_dashes(text(row, part)) : text(row, part);
  }
  return key;
}

}  // namespace echodb
