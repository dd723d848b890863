#pragma once

#include <memory>
#include <span>
#include <vector>

#include "clickhouse/native_block.h"
#include "columns/column_builder.h"
#include "replication/row_hash.h"
#include "replication/table_plan.h"

namespace echodb {

/// Where a change stands in the log. Changes are ordered by it, across transactions and inside one.
struct ChangeStamp {
  Lsn commit;                 ///< of its transaction: the row's version
  std::uint64_t ordinal = 0;  ///< among the transaction's changes

  auto operator<=>(const ChangeStamp&) const = default;
};

/// The identity of a row of a table without a key: the same content may be there many times.
struct BagIdentity {
  RowHash hash;
  std::uint64_t lsn = 0;      ///< commit of the change that inserted it; 0 for copied rows
  std::uint64_t ordinal = 0;  ///< among that transaction's changes; copied rows: where they lay in the heap

  auto operator<=>(const BagIdentity&) const = default;
};

/// Of each of a plan's columns whether its copied values are text rather than bytes.
using CopiedTexts = std::vector<bool>;

/// Rows on their way into one target table, column by column, in the layout they are sent in. Filled by the stream
/// or the copier, completed and sent by a writer; one owner at a time.
class TableBatch {
 public:
  explicit TableBatch(std::shared_ptr<const TablePlan> plan);

  using Row = std::span<const TupleValue>;
  /// The streamed row's columns, as TablePlan::positions() maps them.
  using Positions = std::span<const std::size_t>;

  void add_inserted_row(Row row, Positions positions, ChangeStamp stamp) { add_row(row, {}, positions, stamp); }
  /// A row's new state: `old` (or nothing) has values that the update did not send, all of them or only the key's.
  void add_updated_row(Row row, Row old, Positions positions, ChangeStamp stamp);
  /// The key in `old` is no more.
  void add_tombstone(Row old, Positions positions, ChangeStamp stamp);
  /// One row with exactly the content of `old` is no more (tables without a key).
  void add_bag_delete(Row old, Positions positions, ChangeStamp stamp);
  /// A copied row: values in the order of the plan's columns. `place` tells equal rows of a keyless table apart.
  struct CopyPlace {
    std::uint64_t place;
    const CopiedTexts& texts;
  };
  void add_copied_row(Row row, const CopyPlace& place);

  /// Whether two rows may have the same key: not when all of them were inserted or copied.
  [[nodiscard]] bool may_repeat_keys() const { return may_repeat_keys_; }
  [[nodiscard]] bool key_differs(Row old, Row row, Positions positions) const;

  [[nodiscard]] std::size_t rows() const { return versions_.size(); }
  /// Empties the batch and keeps its memory for the rows to come.
  void clear();
  /// Memory held, counted exactly but not cheaply.
  [[nodiscard]] std::size_t bytes() const;
  [[nodiscard]] const TablePlan& plan() const { return *plan_; }

  /// A value that neither the change nor its old row brought: a toasted one that an UPDATE did not touch, or that of a
  /// generated column. The row holds a placeholder until `replace_column`.
  struct MissingValue {
    std::size_t row;
    std::size_t column;
  };
  [[nodiscard]] const std::vector<MissingValue>& missing() const { return missing_; }
  void settle_missing() { missing_.clear(); }
  /// The transactions whose changes lack values, for looking those up.
  void note_transaction(Xid xid) {
    if (transactions_.empty() || transactions_.back() != xid) transactions_.push_back(xid);
  }
  [[nodiscard]] const std::vector<Xid>& transactions() const { return transactions_; }
  /// Leaves out the rows whose mark is false.
  void keep_rows(const std::vector<bool>& keep);

  /// A deletion whose victim must still be chosen: `row` is its tombstone.
  struct BagDelete {
    std::size_t row;
    RowHash hash;
  };
  [[nodiscard]] const std::vector<BagDelete>& bag_deletes() const { return bag_deletes_; }
  [[nodiscard]] ChangeStamp stamp(std::size_t row) const { return {Lsn{versions_[row]}, changes_[row]}; }
  [[nodiscard]] BagIdentity identity(std::size_t row) const { return identities_[row]; }
  [[nodiscard]] bool is_tombstone(std::size_t row) const { return deleted_[row] != 0; }
  void set_identity(std::size_t row, const BagIdentity& identity) { identities_[row] = identity; }
  void settle_bag_deletes() { bag_deletes_.clear(); }

  [[nodiscard]] ColumnBuilder& column(std::size_t index) { return *columns_[index]; }
  void replace_column(std::size_t index, std::unique_ptr<ColumnBuilder> column) { columns_[index] = std::move(column); }

  /// The rows as one block; borrows the batch. REQUIRES: nothing missing, no victim unchosen.
  [[nodiscard]] NativeBlock block() const;

 private:
  enum class Deleted : std::uint8_t { No = 0, Yes = 1 };

  template <typename Append>
  void guarded(Append append);
  void append(std::size_t column, const TupleValue& value);
  void finish_row(ChangeStamp stamp, Deleted deleted);
  void add_row(Row row, Row old, Positions positions, ChangeStamp stamp);
  [[nodiscard]] RowHash hash(Row row, Row old, Positions positions) const;
  void write_bag_columns(NativeBlock& block) const;

  std::shared_ptr<const TablePlan> plan_;
  std::vector<std::unique_ptr<ColumnBuilder>> columns_;
  std::vector<std::uint8_t> deleted_;
  std::vector<std::uint64_t> versions_;
  std::vector<std::uint64_t> changes_;   ///< keyless tables and tables with missing values
  std::vector<BagIdentity> identities_;  ///< keyless tables only
  std::vector<MissingValue> missing_;
  std::vector<Xid> transactions_;
  std::vector<BagDelete> bag_deletes_;
  bool may_repeat_keys_ = false;
};

}  // namespace echodb
