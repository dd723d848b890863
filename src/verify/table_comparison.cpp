#include "verify/table_comparison.h"

#include <numeric>

namespace echodb {

BatchDigests::BatchDigests(const TablePlan& plan) : plan_(plan) {
  for (const PlannedColumn& column : plan.columns()) values_.emplace_back(column.type);
}

std::uint64_t BatchDigests::row(TableBatch& batch, std::size_t row) {
  DigestFold fold;
  for (std::size_t column = 0; column < values_.size(); ++column) {
    fold.add(values_[column].of(batch.column(column), row));
  }
  return fold.value();
}

std::uint64_t BatchDigests::key(TableBatch& batch, std::size_t row) {
  DigestFold fold;
  for (std::size_t column : plan_.key()) fold.add(values_[column].of(batch.column(column), row));
  return fold.value();
}

PieceDigests::PieceDigests(const Comparison& comparison)
    : in_place_(comparison.sums_suffice() ? TargetReader::Digests::Yes : TargetReader::Digests::No) {
  const CheckedTable& table = comparison.table;
  if (in_place_ == TargetReader::Digests::Yes) {
    columns_ = table.plan->key();
    key_.resize(columns_.size());
    std::iota(key_.begin(), key_.end(), 0);
  } else {
    columns_.resize(table.plan->columns().size());
    std::iota(columns_.begin(), columns_.end(), 0);
    key_ = table.plan->key();
  }
  for (std::size_t column : columns_) values_.emplace_back(table.target_types[column]);
}

std::uint64_t PieceDigests::row(const TargetRows& piece, std::size_t row) {
  if (in_place_ == TargetReader::Digests::Yes) return piece.digests[row];
  DigestFold fold;
  for (std::size_t column = 0; column < values_.size(); ++column) {
    fold.add(values_[column].of(*piece.columns[column], row));
  }
  return fold.value();
}

std::uint64_t PieceDigests::key(const TargetRows& piece, std::size_t row) {
  DigestFold fold;
  for (std::size_t column : key_) fold.add(values_[column].of(*piece.columns[column], row));
  return fold.value();
}

std::vector<const ColumnBuilder*> PieceDigests::key_columns(const TargetRows& piece) const {
  std::vector<const ColumnBuilder*> key;
  for (std::size_t column : key_) key.push_back(piece.columns[column].get());
  return key;
}

}  // namespace echodb
