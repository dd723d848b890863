#pragma once

#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "config/settings.h"
#include "postgres/copy_binary.h"
#include "replication/copy_job.h"
#include "replication/insert_completion.h"
#include "replication/source_table.h"
#include "verify/checked_table.h"
#include "verify/key_rows.h"

namespace echodb {

/// What a transaction of a check sees of the source, between two positions of its log.
///
/// A commit is in the log a moment before others see it, or long before if it waits for a standby. So of a transaction
/// whose commit lies before `before` this snapshot shows the effect, unless it was in progress here; and a commit that
/// it does show lies before `after`.
struct SourceMoment {
  Lsn before;
  Lsn after;
  /// Transactions that had begun when the log ended at `before` and that had not ended shortly before the snapshot was
  /// taken. By their locks: a snapshot does not name those that are younger than the last one that has ended.
  std::vector<std::uint64_t> in_progress;

  /// Whether a transaction that was in progress at an earlier moment still was at this one.
  [[nodiscard]] bool still_in_progress(std::span<const std::uint64_t> earlier) const;
};

/// Reads a table's rows from the source as the copier does: the same statement, decoder, builders and texts. Each
/// moment is a short read-only transaction. One thread.
class SourceReader {
 public:
  /// The connection is the caller's. Texts are rendered over others, once there are some.
  SourceReader(PostgresConnection& connection, const Settings& settings, const CheckedTable& table,
               std::stop_token stop);

  using OnBatch = std::function<void(TableBatch&)>;

  /// Opens the transaction; the next reads are of this moment. A statement of it may last this long.
  SourceMoment begin(std::chrono::milliseconds statement_timeout);
  /// Ends it.
  void commit();
  /// The same, after an error.
  void rollback();

  /// Rows in the order of the leading key column: those above `after` (an SQL literal; empty: from the start), as many
  /// as `rows` and the others that share the last one's leading value. Returns how many.
  std::uint64_t read_range(const std::string& after, std::size_t rows, const OnBatch& on_batch);
  /// Rows of these blocks of a heap.
  std::uint64_t read_blocks(const CopyRange& range, const OnBatch& on_batch);
  /// The rows of these keys, those there are.
  std::uint64_t read_keys(const KeyRows& keys, std::span<const std::size_t> rows, const OnBatch& on_batch);
  /// Whether the source's types can hold this key at all: the target's may be a String, where anything can be planted.
  bool can_hold(const KeyRows& keys, std::size_t row);
  /// The same rows as they come: bytes, or text where `texts()` says so.
  void read_keys_raw(const KeyRows& keys, std::span<const std::size_t> rows,
                     const std::function<void(std::span<const TupleValue>)>& on_row);
  /// Some rows at random, wherever in the table they lie: about as many as asked for, and no more.
  std::uint64_t read_sample(std::uint64_t rows, std::uint64_t of, const OnBatch& on_batch);

  /// How many rows there are.
  std::uint64_t count();

  /// The heaps of the table and its partitions, cut into ranges; of about so many rows at the most, unless 0.
  std::vector<CopyRange> ranges(std::uint64_t rows_max = 0);
  /// Whether these are still the heaps: VACUUM FULL, CLUSTER and TRUNCATE put others in their place.
  bool are_heaps(std::span<const CopyRange> ranges);
  /// The planner's idea of the table's size, when it was first asked for.
  struct Size {
    std::uint64_t rows = 0;
    std::uint64_t bytes = 0;
  };
  Size size();
  /// Whether the table's heap lies about in the order of its leading key column, whose values are told apart enough.
  bool lies_in_key_order();
  /// The end of the log.
  Lsn position();
  /// One statement outside of a moment.
  PostgresConnection& connection() { return connection_; }
  [[nodiscard]] const CopiedTexts& texts() const { return texts_; }

 private:
  class Sink;
  std::vector<HeapSize> heaps();
  std::uint64_t copy(const std::string& sql, bool with_place, const OnBatch& on_batch);
  void copy(const std::string& sql, CopyBinaryParser& parser, CopyRowHandler& handler);
  /// Locks the relation, in the transaction that is open: source_table.h, lock_relation.
  std::string relation_name(Oid relation);
  SourceTable table();
  SourceTable locked_table();
  /// Keys as the source's types: `names` are the table's key columns, `rows` is a SELECT of these keys.
  struct WantedKeys {
    std::string relation;
    std::string values;     ///< FROM unnest(…) AS wanted(…)
    std::string typed;      ///< the wanted values, as the key's types
    std::string condition;  ///< the row `here` has the values of a wanted one
  };
  WantedKeys wanted(const SourceTable& source, const KeyRows& keys, std::span<const std::size_t> rows);
  std::string keys_sql(const KeyRows& keys, std::span<const std::size_t> rows);

  const CheckedTable& table_;
  std::stop_token stop_;
  PostgresConnection& connection_;
  CopiedTexts texts_;
  std::optional<Size> size_;
  WriterConnections rendering_;  ///< asks for texts while the connection is in the middle of a COPY
  WriterTools tools_;
};

}  // namespace echodb
