#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "replication/table_plan.h"
#include "verify/row_digest.h"

namespace echodb {

using ColumnBuilders = std::vector<std::unique_ptr<ColumnBuilder>>;

/// The keys of some rows of a table that has one, in the order of the key's columns.
class KeyRows {
 public:
  explicit KeyRows(std::shared_ptr<const TablePlan> plan);

  [[nodiscard]] std::size_t rows() const { return columns_.front()->rows(); }
  void clear();
  /// Keeps the first rows only.
  void truncate(std::size_t rows);
  void add(const KeyRows& from, std::size_t row);
  /// From builders of the key's columns, in key order.
  void add(std::span<const ColumnBuilder* const> key, std::size_t row);

  [[nodiscard]] std::uint64_t digest(std::size_t row);
  /// As a row of these columns in RowBinary.
  [[nodiscard]] std::string row_binary(std::size_t row) const;
  [[nodiscard]] std::string text(std::size_t row, std::size_t part) const;
  /// {"id": "7"}, for people.
  [[nodiscard]] nlohmann::json show(std::size_t row) const;
  [[nodiscard]] const ColumnBuilder& column(std::size_t part) const { return *columns_[part]; }
  [[nodiscard]] std::size_t parts() const { return columns_.size(); }

 private:
  std::shared_ptr<const TablePlan> plan_;
  ColumnBuilders columns_;
  std::vector<ValueDigest> digests_;
};

}  // namespace echodb
