#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "catalog/records.h"
#include "postgres/connection.h"
#include "postgres/server_version.h"
#include "replication/copy_visibility.h"
#include "replication/table_batch.h"

namespace echodb {

/// One table to copy. The schema is the one in force for the stream when the job was made.
struct CopyJob {
  std::uint64_t id = 0;  ///< tells a table's copies apart
  std::string stream;
  Oid table = 0;
  TableSchema schema;
  TargetTable target;
  std::optional<Xid> writers_before;  ///< the writers to wait for: see find_writers
  std::vector<Xid> must_see;          ///< transactions that the stream has read: the copy begins once they are visible
  std::shared_ptr<CopyGate> gate;     ///< keyless tables: set when the snapshot has been taken; null otherwise
  int plans = 0;                      ///< that were thrown away before this job, because the table was another one
  bool resume = false;                ///< ranges of an earlier run that are done stay done
};

/// What became of a job; collected by the stream's thread. A cancelled job says nothing.
struct CopyEvent {
  std::uint64_t job = 0;
  Oid table = 0;
  std::uint64_t rows = 0;
  Lsn seen_to;           ///< the copy has seen every change committed before this
  std::string snapshot;  ///< keyless tables: what the visibility was parsed from
  enum class Kind { SnapshotTaken, Finished, Failed } kind = Kind::Finished;
  std::optional<Error> failure;
  bool again = false;  ///< Failed: what has been copied is of no use, another attempt may succeed
  int plans = 0;       ///< Failed: thrown away so far, for the job of the next attempt
};

/// How a relation's heap is cut into ranges: each takes half of what is left, within limits::kCopyRangeBytesMin and
/// Max, and the last one is open-ended. One range before PostgreSQL 14, which cannot scan by ctid.
struct HeapSize {
  Oid relation = 0;
  Oid relfilenode = 0;
  std::uint64_t pages = 0;
};
std::vector<CopyRange> cut_ranges(const std::vector<HeapSize>& heaps, int server_version);

/// Ranges that were cut together have one number, drawn at random: nobody takes them for ranges of another copy.
void mark_as_one_copy(std::vector<CopyRange>& ranges, std::uint64_t number);

/// Which columns of the plan of this table are copied as text. A keyless table's values come as the stream has them, so
/// that the hashes of copied and streamed rows agree: as bytes, but for types that have no send function.
CopiedTexts copied_texts(const TablePlan& plan, Oid table, ValueFormat streamed, PostgresConnection& source);

/// The SELECT list of a plan's columns, in its order.
std::string copied_list(const TablePlan& plan, const CopiedTexts& texts);

/// COPY (SELECT …) TO STDOUT (FORMAT binary) of one range. `relation_name` is quoted.
std::string copy_sql(const TablePlan& plan, const std::string& relation_name, const CopyRange& range,
                     const CopiedTexts& texts);

}  // namespace echodb
