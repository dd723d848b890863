#include "replication/copy_reader.h"

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/failpoint.h"
#include "base/log.h"
#include "clickhouse/client.h"
#include "config/limits.h"
#include "replication/copied_rows.h"
#include "replication/copy_start.h"
#include "replication/insert_completion.h"
#include "replication/lane_tasks.h"

namespace echodb {
namespace {

constexpr int kPlaceBitsOfPart = 48;

/// Tells the ranges of one copy from those of every other one.
std::uint64_t random_number() {
  std::random_device random;
  return (static_cast<std::uint64_t>(random()) << 31U) ^ random();
}

struct Heaps {
  std::vector<HeapSize> parts;
  std::uint64_t rows = 0;  ///< the source's estimate
  bool counted = true;     ///< false: the source never counted some of them
};

Heaps measure(PostgresConnection& source, Oid table) {
  // pg_partition_tree would hold a lock on each partition while it waits for the next one's.
  QueryResult leaves = source.query(
      "SELECT c.oid, c.relfilenode, size.pages, "
      // As the planner does: rows of a page when the table was last looked through, times its pages of today.
      "coalesce(CASE WHEN c.relpages > 0 THEN greatest(c.reltuples, 0) / c.relpages END * size.pages, 0)::bigint, "
      "size.pages > 0 AND (c.relpages = 0 OR c.reltuples <= 0) FROM pg_class c, "
      "LATERAL (SELECT coalesce(pg_relation_size(c.oid), 0) / current_setting('block_size')::int) AS size(pages) "
      "WHERE c.relkind = 'r' AND (c.oid = $1::oid OR c.relispartition "
      "AND $1::oid IN (SELECT relid::oid FROM pg_partition_ancestors(c.oid::regclass))) ORDER BY c.oid",
      {std::to_string(table)});
  Heaps heaps;
  for (std::size_t row = 0; row < leaves.rows(); ++row) {
    heaps.parts.push_back({.relation = static_cast<Oid>(leaves.number(row, 0)),
                           .relfilenode = static_cast<Oid>(leaves.number(row, 1)),
                           .pages = leaves.number(row, 2)});
    heaps.rows += leaves.number(row, 3);
    heaps.counted = heaps.counted && !leaves.boolean(row, 4);
  }
  return heaps;
}

class PostgresCopyReader final : public CopyReader {
 public:
  PostgresCopyReader(const CopyReaderOptions& options, const CopyReaderParts& parts)
      : options_(options),
        parts_(parts),
        inserting_(options.clickhouse, parts.stop),
        completing_(connect_writer(options.clickhouse, options.source, parts.stop)) {}

  bool plan(CopyWork& work) override;
  bool copy_range(CopyWork& work) override;

  /// Reading may have pruned pages, which is in the log and not flushed, perhaps for minutes: a commit flushes it, so
  /// that the stream gets there.
  Lsn end_of_log() override {
    const Lsn end = parse_lsn(connection().query("SELECT pg_current_wal_insert_lsn()").text(0, 0));
    connection().query("SELECT pg_logical_emit_message(true, 'echodb_flush', '')");
    return end;
  }

  void give_up() override {
    parts_.progress.rows_copied -= std::exchange(rows_sent_, 0);
    connection_.reset();
    completing_.source->close();
  }

 private:
  struct Place {
    std::string relation;    ///< quoted
    std::uint64_t base = 0;  ///< of a keyless table's rows: keeps the partitions' places apart
  };

  PostgresConnection& connection();
  bool may_begin(RunningCopy& copy);
  std::vector<CopyRange> plan_ranges(const CopyJob& job, std::vector<CopyRange> ranges);
  bool try_read_range(CopyWork& work);
  void copy_whole(CopyWork& work);
  void copy_bag(CopyWork& work);
  void read_range(const RunningCopy& copy, CopyRange& range, const Place& place);

  CopyReaderOptions options_;
  CopyReaderParts parts_;
  std::optional<PostgresConnection> connection_;
  ClickHouseClient inserting_;    ///< busy from a range's first row to its last, while rows are completed
  WriterConnections completing_;  ///< asks for texts while the other one is in the middle of a COPY
  std::uint64_t rows_sent_ = 0;   ///< by the call at hand
};

PostgresConnection& PostgresCopyReader::connection() {
  if (!connection_) {
    connection_.emplace(options_.source, ConnectionKind::Ordinary, parts_.stop);
    // A range takes as long as ClickHouse takes to store it.
    connection_->execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0");
    commit_locally(*connection_);
  }
  return *connection_;
}

bool PostgresCopyReader::plan(CopyWork& work) {
  const CopyJob& job = work.copy->job;
  const bool is_bag = work.copy->plan->is_bag();
  std::vector<CopyRange> ranges;
  if (job.resume && !is_bag) ranges = parts_.catalog.load_ranges(job.stream, job.table);
  if (!all_visible(connection(), job.must_see)) return false;
  // A copy that has ranges has waited before it cut them.
  if (ranges.empty() && !may_begin(*work.copy)) return false;
  work.planned = plan_ranges(job, std::move(ranges));
  if (is_bag) copy_bag(work);
  rows_sent_ = 0;
  return true;
}

/// Whether the transactions are over that were found when this was first asked: others have nothing that the copy must
/// see.
bool PostgresCopyReader::may_begin(RunningCopy& copy) {
  const bool first = !copy.writers;
  copy.writers = find_writers(connection(), copy.job.table, copy.job.writers_before, copy.writers);
  if (*copy.writers == kNoWriters) return true;
  if (first) {
    log::info("the copy of {} begins when transactions that have written to it are over: {}",
              copy.job.schema.qualified_name(), *copy.writers);
  }
  return false;
}

std::vector<CopyRange> PostgresCopyReader::plan_ranges(const CopyJob& job, std::vector<CopyRange> ranges) {
  PostgresConnection& source = connection();
  const Heaps heaps = measure(source, job.table);
  auto same_heap = [&](const CopyRange& range) {
    return std::ranges::any_of(heaps.parts, [&](const HeapSize& heap) {
      return heap.relation == range.relation && heap.relfilenode == range.relfilenode;
    });
  };
  if (ranges.empty() || !std::ranges::all_of(ranges, same_heap)) {
    ranges = cut_ranges(heaps.parts, source.server_version());
    mark_as_one_copy(ranges, random_number());
    parts_.catalog.replace_ranges(job.stream, job.table, ranges);
  }
  std::uint64_t rows = 0;
  for (const CopyRange& range : ranges) rows += range.done ? range.rows : 0;
  parts_.progress.rows_copied += rows;
  if (!heaps.counted) parts_.progress.rows_to_copy_known = false;
  parts_.progress.rows_to_copy += std::max(heaps.rows, rows);
  return ranges;
}

/// False: a lock was not given, and the transaction is to be rolled back.
bool PostgresCopyReader::try_read_range(CopyWork& work) {
  PostgresConnection& source = connection();
  try {
    const NamedRelation relation = begin_copy(source, work.range.relation);
    require_columns(source, work.copy->job.schema);
    read_range(*work.copy, work.range, {.relation = relation.name});
    return true;
  } catch (const Error& error) {
    if (!is_lock_refused(error)) throw;
    return false;
  }
}

bool PostgresCopyReader::copy_range(CopyWork& work) {
  PostgresConnection& source = connection();
  if (!try_read_range(work)) {
    source.execute("ROLLBACK");
    if (!work.copy->told_of_lock.exchange(true)) {
      log::info(
          "the copy of {} waits for a lock on relation {}: the application, or a transaction that it left open, has it",
          work.copy->job.schema.qualified_name(), work.range.relation);
    }
    return false;
  }
  source.execute("COMMIT");
  if (parts_.stop.stop_requested()) throw Error(ErrorCode::Stopped, "the copy was stopped");
  failpoint("copy.range_written");
  parts_.catalog.finish_range(work.copy->job.stream, work.copy->job.table, work.range);
  failpoint("copy.range_recorded");
  rows_sent_ = 0;
  return true;
}

/// Its values come as they do in the stream, which may have met none yet that cannot.
void PostgresCopyReader::copy_bag(CopyWork& work) {
  try {
    copy_whole(work);
  } catch (const Error& error) {
    if (options_.streamed == ValueFormat::Binary && lacks_binary_form(error)) throw no_binary_form(error);
    throw;
  }
}

void PostgresCopyReader::copy_whole(CopyWork& work) {
  const CopyJob& job = work.copy->job;
  PostgresConnection& source = connection();
  std::vector<Oid> tables;
  for (const CopyRange& range : work.planned) {
    if (tables.empty() || tables.back() != range.relation) tables.push_back(range.relation);
  }
  auto [relations, snapshot] = begin_whole_copy(source, tables, *job.gate, parts_.stop);
  CopyEvent taken{.job = job.id, .table = job.table, .kind = CopyEvent::Kind::SnapshotTaken};
  taken.snapshot = std::move(snapshot);
  parts_.emit(std::move(taken));
  require_columns(source, job.schema);
  for (CopyRange& range : work.planned) {
    auto relation = std::ranges::find(relations, range.relation, &NamedRelation::oid);
    const auto part = static_cast<std::uint64_t>(relation - relations.begin());
    read_range(*work.copy, range, {.relation = relation->name, .base = part << kPlaceBitsOfPart});
    failpoint("copy.range_written");
    range.done = true;
  }
  source.execute("COMMIT");
}

/// Copies one range inside the transaction that is open. The heap must still be the one that was cut into ranges:
/// VACUUM FULL and the like move rows without a word in the stream.
void PostgresCopyReader::read_range(const RunningCopy& copy, CopyRange& range, const Place& place) {
  PostgresConnection& source = connection();
  QueryResult heap = source.query("SELECT pg_relation_filenode($1::oid)", {std::to_string(range.relation)});
  if (heap.is_null(0, 0) || heap.number(0, 0) != range.relfilenode) {
    throw Error(ErrorCode::SchemaMismatch, "the table was rewritten during its copy");
  }
  InsertTask::Target target{.table = copy.job.target, .server = options_.choices.server};
  CopiedTexts texts = copied_texts(*copy.plan, copy.job.table, options_.streamed, source);
  WriterTools tools = completing_.tools();
  CopiedRows rows(source, copy_sql(*copy.plan, place.relation, range, texts), copy.plan,
                  {.block_rows_max = options_.block_rows_max,
                   .block_bytes_max = options_.block_bytes_max,
                   .texts = texts,
                   .place_base = place.base,
                   .completed = [&](TableBatch& batch) { complete_batch(batch, target, tools); }});
  std::uint64_t sent = 0;
  auto next = [&] {
    if (parts_.stop.stop_requested()) throw Error(ErrorCode::Stopped, "the copy was stopped");
    Bytes block = rows.next();
    sent = rows.rows() - range.rows;
    return block;
  };
  for (range.rows = 0; rows.begin_insert();) {
    send_rows(inserting_, *copy.plan, target, {.next = next, .count = sent});
    range.rows += sent;
    parts_.progress.rows_copied += sent;
    rows_sent_ += sent;
  }
}

}  // namespace

std::unique_ptr<CopyReader> make_copy_reader(const CopyReaderOptions& options, const CopyReaderParts& parts) {
  return std::make_unique<PostgresCopyReader>(options, parts);
}

}  // namespace echodb
