#include "replication/table_batch.h"

#include "base/assert.h"
#include "columns/make_column.h"

namespace echodb {
namespace {

using Kind = TupleValue::Kind;

template <typename T>
Bytes raw_bytes(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

/// The value to write: the change's own, or the old row's where the change did not send it. An old row that is only a
/// key has NULL in its other columns.
const TupleValue& value_of(TableBatch::Row row, TableBatch::Row old, std::size_t position) {
  const TupleValue& value = row[position];
  const bool old_has_it = value.kind == Kind::Unchanged && !old.empty() && old[position].kind != Kind::Null;
  return old_has_it ? old[position] : value;
}

bool same(const TupleValue& left, const TupleValue& right) {
  return left.kind == right.kind && as_text(left.value) == as_text(right.value);
}

}  // namespace

TableBatch::TableBatch(std::shared_ptr<const TablePlan> plan) : plan_(std::move(plan)) {
  for (const PlannedColumn& column : plan_->columns()) columns_.push_back(make_column(column.type));
}

/// Runs `append`; when it fails, takes away what it had added.
template <typename Append>
void TableBatch::guarded(Append append) {
  std::size_t before = rows();
  try {
    append();
  } catch (...) {
    for (auto& column : columns_) column->truncate(before);
    while (!missing_.empty() && missing_.back().row >= before) missing_.pop_back();
    throw;
  }
}

void TableBatch::append(std::size_t index, const TupleValue& value) {
  ColumnBuilder& column = *columns_[index];
  try {
    switch (value.kind) {
      case Kind::Null: column.append_null(); break;
      case Kind::Text: column.append_text(as_text(value.value)); break;
      case Kind::Binary: column.append_binary(value.value); break;
      case Kind::Unchanged:
        missing_.push_back({.row = rows(), .column = index});
        column.append_default();
        break;
    }
  } catch (Error& error) {
    const PlannedColumn& planned = plan_->columns()[index];
    throw std::move(error.with("column", planned.source_name).with("type", planned.type.column_type));
  }
}

void TableBatch::finish_row(ChangeStamp stamp, Deleted deleted) {
  deleted_.push_back(static_cast<std::uint8_t>(deleted));
  versions_.push_back(stamp.commit.value);
  changes_.push_back(stamp.ordinal);
}

void TableBatch::add_updated_row(Row row, Row old, Positions positions, ChangeStamp stamp) {
  may_repeat_keys_ = true;
  add_row(row, old, positions, stamp);
}

void TableBatch::add_row(Row row, Row old, Positions positions, ChangeStamp stamp) {
  ECHO_ASSERT(row.size() == positions.size());
  guarded([&] {
    for (std::size_t position = 0; position < row.size(); ++position) {
      if (positions[position] != TablePlan::kNowhere) append(positions[position], value_of(row, old, position));
    }
    // What the stream does not carry, a generated column, is asked for later like an unchanged value.
    for (std::size_t index = 0; index < columns_.size(); ++index) {
      if (columns_[index]->rows() == rows()) append(index, {.kind = Kind::Unchanged});
    }
  });
  if (plan_->is_bag()) {
    identities_.push_back({.hash = hash(row, old, positions), .lsn = stamp.commit.value, .ordinal = stamp.ordinal});
  }
  finish_row(stamp, Deleted::No);
}

void TableBatch::add_tombstone(Row old, Positions positions, ChangeStamp stamp) {
  may_repeat_keys_ = true;
  ECHO_ASSERT(old.size() == positions.size());
  guarded([&] {
    for (std::size_t key : plan_->key()) {
      for (std::size_t position = 0; position < old.size(); ++position) {
        if (positions[position] == key) append(key, old[position]);
      }
    }
    for (auto& column : columns_) {
      if (column->rows() == rows()) column->append_default();
    }
  });
  finish_row(stamp, Deleted::Yes);
}

void TableBatch::add_bag_delete(Row old, Positions positions, ChangeStamp stamp) {
  may_repeat_keys_ = true;
  RowHash of = hash(old, {}, positions);
  for (auto& column : columns_) column->append_default();
  bag_deletes_.push_back({.row = rows(), .hash = of});
  identities_.push_back({.hash = of});
  finish_row(stamp, Deleted::Yes);
}

void TableBatch::add_copied_row(Row row, const CopyPlace& place) {
  ECHO_ASSERT(row.size() == columns_.size());
  guarded([&] {
    for (std::size_t index = 0; index < row.size(); ++index) {
      TupleValue value = row[index];
      if (value.kind == Kind::Binary && place.texts[index]) value.kind = Kind::Text;
      append(index, value);
    }
  });
  if (plan_->is_bag()) {
    RowHasher hasher;
    for (std::size_t index = 0; index < row.size(); ++index) {
      if (!plan_->columns()[index].generated) hasher.add(plan_->columns()[index].attnum, row[index]);
    }
    identities_.push_back({.hash = hasher.hash(), .lsn = 0, .ordinal = place.place});
  }
  finish_row({}, Deleted::No);
}

RowHash TableBatch::hash(Row row, Row old, Positions positions) const {
  RowHasher hasher;
  for (std::size_t position = 0; position < row.size(); ++position) {
    // The hash must be the same whether the server streams generated columns or not, and whether the row was copied.
    if (positions[position] == TablePlan::kNowhere || plan_->columns()[positions[position]].generated) continue;
    hasher.add(plan_->columns()[positions[position]].attnum, value_of(row, old, position));
  }
  return hasher.hash();
}

bool TableBatch::key_differs(Row old, Row row, Positions positions) const {
  for (std::size_t position = 0; position < row.size(); ++position) {
    bool in_key = false;
    for (std::size_t key : plan_->key()) in_key = in_key || positions[position] == key;
    if (in_key && row[position].kind != Kind::Unchanged && !same(old[position], row[position])) return true;
  }
  return false;
}

void TableBatch::keep_rows(const std::vector<bool>& keep) {
  ECHO_ASSERT(keep.size() == rows() && missing_.empty() && bag_deletes_.empty());
  for (std::size_t index = 0; index < columns_.size(); ++index) {
    std::unique_ptr<ColumnBuilder> kept = make_column(plan_->columns()[index].type);
    for (std::size_t row = 0; row < keep.size(); ++row) {
      if (keep[row]) kept->append_from(*columns_[index], row);
    }
    columns_[index] = std::move(kept);
  }
  auto filter = [&](auto& values) {
    if (values.empty()) return;
    std::size_t kept = 0;
    for (std::size_t row = 0; row < keep.size(); ++row) {
      if (keep[row]) values[kept++] = values[row];
    }
    values.resize(kept);
  };
  filter(deleted_);
  filter(versions_);
  filter(changes_);
  filter(identities_);
}

void TableBatch::clear() {
  for (auto& column : columns_) column->clear();
  deleted_.clear();
  versions_.clear();
  changes_.clear();
  identities_.clear();
  missing_.clear();
  bag_deletes_.clear();
  transactions_.clear();
  may_repeat_keys_ = false;
}

std::size_t TableBatch::bytes() const {
  std::size_t total =
      rows() * (sizeof(std::uint8_t) + 2 * sizeof(std::uint64_t)) + identities_.size() * sizeof(BagIdentity);
  for (const auto& column : columns_) total += column->bytes();
  return total;
}

NativeBlock TableBatch::block() const {
  ECHO_ASSERT(missing_.empty() && bag_deletes_.empty());
  std::size_t bag = plan_->is_bag() ? bag_columns().size() : 0;
  NativeBlock block({.columns = columns_.size() + bag + 2, .rows = rows()});
  for (std::size_t index = 0; index < columns_.size(); ++index) {
    block.begin_column(plan_->columns()[index].target_name, columns_[index]->type_name());
    columns_[index]->write(block);
  }
  if (plan_->is_bag()) write_bag_columns(block);
  block.begin_column(kIsDeletedColumn, "UInt8");
  block.append_borrowed(raw_bytes(deleted_));
  block.begin_column(kVersionColumn, "UInt64");
  block.append_borrowed(raw_bytes(versions_));
  return block;
}

void TableBatch::write_bag_columns(NativeBlock& block) const {
  auto each = [&](std::string_view name, auto value_of_row) {
    block.begin_column(name, name == kRowHashColumn ? "FixedString(16)" : "UInt64");
    ByteBuffer values;
    for (std::size_t row = 0; row < rows(); ++row) values.append_little_endian(value_of_row(row));
    block.append_copy(values.bytes());
  };
  each(kRowHashColumn, [&](std::size_t row) { return identities_[row].hash; });
  each(kLsnColumn, [&](std::size_t row) { return identities_[row].lsn; });
  each(kOrdinalColumn, [&](std::size_t row) { return identities_[row].ordinal; });
  each(kChangeColumn, [&](std::size_t row) { return changes_[row]; });
}

}  // namespace echodb
