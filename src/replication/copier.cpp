#include "replication/copier.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "base/failpoint.h"
#include "base/log.h"
#include "config/limits.h"
#include "replication/copied_rows.h"
#include "replication/copy_start.h"
#include "replication/insert_completion.h"
#include "replication/lane_tasks.h"

namespace echodb {
namespace {

constexpr int kPlaceBitsOfPart = 48;
/// How often a copy is planned anew because the table is not what the stream says. What the stream has not read yet
/// by then is not what is wrong.
constexpr int kPlansMax = 40;

/// Tells the ranges of one copy from those of every other one.
std::uint64_t random_number() {
  std::random_device random;
  return (static_cast<std::uint64_t>(random()) << 31U) ^ random();
}

/// Up to where the copy has seen everything. Reading may have pruned pages, which is in the log and not flushed,
/// perhaps for minutes: a commit flushes it, so that the stream gets there.
Lsn end_of_log(PostgresConnection& source) {
  const Lsn end = parse_lsn(source.query("SELECT pg_current_wal_insert_lsn()").text(0, 0));
  source.query("SELECT pg_logical_emit_message(true, 'echodb_flush', '')");
  return end;
}

}  // namespace

/// Of use until `interrupt`: what was cut short leaves connections in the middle of something.
struct Copier::Tools {
  Tools(const Options& options, const std::stop_token& thread)
      : source_settings(options.source),
        stop(interrupted.get_token()),
        with_thread(thread, Interrupt{interrupted}),
        inserting(options.clickhouse, stop),
        writer{.clickhouse = ClickHouseClient(options.clickhouse, stop), .source = [this]() -> PostgresConnection& {
                 if (!rendering) rendering.emplace(source_settings, ConnectionKind::Ordinary, stop);
                 return *rendering;
               }} {}

  struct Interrupt {
    std::stop_source& source;
    void operator()() const { source.request_stop(); }
  };

  PostgresSettings source_settings;
  std::stop_source interrupted;
  std::stop_token stop;
  std::stop_callback<Interrupt> with_thread;
  std::optional<PostgresConnection> connection;
  ClickHouseClient inserting;  ///< busy from a range's first row to its last, while the writer looks things up
  std::optional<PostgresConnection> rendering;  ///< asks for texts while the other one is in the middle of a COPY
  WriterTools writer;
  std::uint64_t rows_sent = 0;  ///< of the part at work

  /// What failed may have left them in the middle of something.
  void close_source() {
    connection.reset();
    rendering.reset();
  }

  PostgresConnection& source() {
    if (!connection) {
      connection.emplace(source_settings, ConnectionKind::Ordinary, stop);
      // A range takes as long as ClickHouse takes to store it.
      connection->execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0");
    }
    return *connection;
  }
};

Copier::Copier(Options options, CatalogStore& catalog) : options_(std::move(options)), catalog_(catalog) {
  for (std::uint32_t i = 0; i < options_.workers; ++i) {
    threads_.emplace_back([this](std::stop_token stop) { work(std::move(stop)); });
  }
}

Copier::~Copier() {
  stop();
  threads_.clear();
}

bool Copier::stop() {
  for (std::jthread& thread : threads_) thread.request_stop();
  return board_.is_idle();
}

void Copier::start(CopyJob job) {
  auto plan = std::make_shared<TablePlan>(job.schema, job.schema, options_.choices);
  board_.add(std::move(job), std::move(plan));
}

std::vector<CopyEvent> Copier::take_events() {
  std::lock_guard lock(mutex_);
  return std::exchange(events_, {});
}

void Copier::emit(CopyEvent event) {
  {
    std::lock_guard lock(mutex_);
    events_.push_back(std::move(event));
  }
  if (options_.on_event) options_.on_event();
}

void Copier::work(std::stop_token stop) {
  std::optional<Tools> tools;
  while (std::optional<CopyWork> work = board_.take(stop)) {
    if (!tools || tools->stop.stop_requested()) tools.emplace(options_, stop);
    std::stop_callback ended(work->copy->ended.get_token(), Tools::Interrupt{tools->interrupted});
    tools->rows_sent = 0;
    try {
      carry_out(*tools, *work);
    } catch (const Error& error) {
      fail(*tools, std::move(*work), error);
    } catch (const std::exception& fault) {
      fail(*tools, std::move(*work), Error(ErrorCode::ProtocolViolation, fault.what()));
    }
  }
}

void Copier::carry_out(Tools& tools, CopyWork work) {
  CopyEvent event{.job = work.copy->job.id, .table = work.copy->job.table, .kind = CopyEvent::Kind::Finished};
  switch (work.kind) {
    case CopyWork::Kind::Plan: plan(tools, work); break;
    case CopyWork::Kind::Range: copy_range(tools, work); break;
    case CopyWork::Kind::Finish: event.seen_to = end_of_log(tools.source()); break;
  }
  std::optional<CopyEnd> end = board_.give_back(std::move(work), CopyOutcome::Done);
  if (!end || end->failure) return;
  failpoint("copy.finished");
  event.rows = end->rows;
  emit(std::move(event));
}

/// A part that may succeed later is put back. A heap that was exchanged, or a schema ahead of the stream's, has the
/// whole copy planned again. A keyless table's copy is one transaction: nothing of it can be kept.
void Copier::fail(Tools& tools, CopyWork work, const Error& error) {
  tools.close_source();
  rows_copied_ -= tools.rows_sent;
  const CopyJob& job = work.copy->job;
  const bool turn_is_over = error.code() == ErrorCode::Stopped || error.code() == ErrorCode::LeadershipLost;
  if (!turn_is_over && error.detail("breaker").empty()) {
    log::warn("copy of {}: {}", job.schema.qualified_name(), error.what());
  }
  const bool ahead = error.code() == ErrorCode::SchemaMismatch || error.code() == ErrorCode::SourceRejected;
  const int plans = board_.count_plans(work, ahead ? 1 : 0);
  const bool again = (ahead && plans < kPlansMax) || options_.transient(error);
  CopyOutcome outcome = CopyOutcome::Failed;
  if (turn_is_over) {
    outcome = CopyOutcome::Stopped;
  } else if (again && !work.copy->plan->is_bag()) {
    outcome = ahead ? CopyOutcome::PlanAgain : CopyOutcome::TryAgain;
  }
  CopyEvent event{.job = job.id, .table = job.table, .kind = CopyEvent::Kind::Failed, .plans = plans};
  std::optional<CopyEnd> end = board_.give_back(std::move(work), outcome, {.error = error, .again = again});
  if (!end || !end->failure) return;
  event.failure = end->failure->error;
  event.again = end->failure->again;
  emit(std::move(event));
}

void Copier::plan(Tools& tools, CopyWork& work) {
  const CopyJob& job = work.copy->job;
  if (job.await_writers) wait_for_writers(tools.source(), job.table, tools.stop);
  wait_until_visible(tools.source(), job.must_see, tools.stop);
  work.planned = plan_ranges(tools, job, work.copy->plan->is_bag());
  if (work.copy->plan->is_bag()) copy_whole(tools, work);
}

std::vector<CopyRange> Copier::plan_ranges(Tools& tools, const CopyJob& job, bool is_bag) {
  PostgresConnection& source = tools.source();
  // pg_partition_tree would hold a lock on each partition while it waits for the next one's.
  QueryResult leaves = source.query(
      "SELECT c.oid, c.relfilenode, size.pages, "
      // As the planner does: rows of a page when the table was last looked through, times its pages of today.
      "coalesce(CASE WHEN c.relpages > 0 THEN greatest(c.reltuples, 0) / c.relpages END * size.pages, 0)::bigint, "
      "size.pages > 0 AND (c.relpages = 0 OR c.reltuples <= 0) FROM pg_class c, "
      "LATERAL (SELECT coalesce(pg_relation_size(c.oid), 0) / current_setting('block_size')::int) AS size(pages) "
      "WHERE c.relkind = 'r' AND (c.oid = $1::oid OR c.relispartition "
      "AND $1::oid IN (SELECT relid::oid FROM pg_partition_ancestors(c.oid::regclass))) ORDER BY c.oid",
      {std::to_string(job.table)});
  std::vector<HeapSize> heaps;
  std::uint64_t estimate = 0;
  for (std::size_t row = 0; row < leaves.rows(); ++row) {
    heaps.push_back({.relation = static_cast<Oid>(leaves.number(row, 0)),
                     .relfilenode = static_cast<Oid>(leaves.number(row, 1)),
                     .pages = leaves.number(row, 2)});
    estimate += leaves.number(row, 3);
    if (leaves.boolean(row, 4)) rows_to_copy_known_ = false;
  }
  std::vector<CopyRange> ranges =
      job.resume && !is_bag ? catalog_.load_ranges(job.stream, job.table) : std::vector<CopyRange>();
  auto same_heap = [&](const CopyRange& range) {
    return std::ranges::any_of(heaps, [&](const HeapSize& heap) {
      return heap.relation == range.relation && heap.relfilenode == range.relfilenode;
    });
  };
  if (ranges.empty() || !std::ranges::all_of(ranges, same_heap)) {
    ranges = cut_ranges(heaps, source.server_version());
    for (const std::uint64_t copy = random_number(); CopyRange & range : ranges) range.copy = copy;
    catalog_.replace_ranges(job.stream, job.table, ranges);
  }
  std::uint64_t rows = 0;
  for (const CopyRange& range : ranges) rows += range.done ? range.rows : 0;
  rows_copied_ += rows;
  rows_to_copy_ += std::max(estimate, rows);
  return ranges;
}

/// False: a lock was not given while others were held, and the transaction is to be rolled back.
bool Copier::try_read_range(Tools& tools, CopyWork& work) {
  PostgresConnection& source = tools.source();
  try {
    const NamedRelation relation = begin_copy(source, {&work.range.relation, 1}, tools.stop).front();
    require_columns(source, work.copy->job.schema);
    read_range(tools, *work.copy, work.range, {.relation = relation.name});
    return true;
  } catch (const Error& error) {
    if (!is_lock_refused(error)) throw;
    return false;
  }
}

void Copier::copy_range(Tools& tools, CopyWork& work) {
  PostgresConnection& source = tools.source();
  while (!try_read_range(tools, work)) let_pass(source, tools.stop);
  source.execute("COMMIT");
  if (tools.stop.stop_requested()) throw Error(ErrorCode::Stopped, "the copy was stopped");
  failpoint("copy.range_written");
  catalog_.finish_range(work.copy->job.stream, work.copy->job.table, work.range);
  failpoint("copy.range_recorded");
}

void Copier::copy_whole(Tools& tools, CopyWork& work) {
  const CopyJob& job = work.copy->job;
  PostgresConnection& source = tools.source();
  std::vector<Oid> tables;
  for (const CopyRange& range : work.planned) {
    if (tables.empty() || tables.back() != range.relation) tables.push_back(range.relation);
  }
  auto [relations, snapshot] = begin_whole_copy(source, tables, *job.gate, tools.stop);
  CopyEvent taken{.job = job.id, .table = job.table, .kind = CopyEvent::Kind::SnapshotTaken};
  taken.snapshot = std::move(snapshot);
  emit(std::move(taken));
  require_columns(source, job.schema);
  for (CopyRange& range : work.planned) {
    auto relation = std::ranges::find(relations, range.relation, &NamedRelation::oid);
    const auto part = static_cast<std::uint64_t>(relation - relations.begin());
    read_range(tools, *work.copy, range, {.relation = relation->name, .base = part << kPlaceBitsOfPart});
    failpoint("copy.range_written");
    range.done = true;
  }
  source.execute("COMMIT");
}

/// Copies one range inside the transaction that is open. The heap must still be the one that was cut into ranges:
/// VACUUM FULL and the like move rows without a word in the stream.
void Copier::read_range(Tools& tools, const RunningCopy& copy, CopyRange& range, const Place& place) {
  PostgresConnection& source = tools.source();
  QueryResult heap = source.query("SELECT pg_relation_filenode($1::oid)", {std::to_string(range.relation)});
  if (heap.is_null(0, 0) || heap.number(0, 0) != range.relfilenode) {
    throw Error(ErrorCode::SchemaMismatch, "the table was rewritten during its copy");
  }
  InsertTask::Target target{.table = copy.job.target, .server = options_.choices.server};
  CopiedTexts texts = copied_texts(*copy.plan, source.server_version());
  CopiedRows rows(source, copy_sql(*copy.plan, place.relation, range, texts), copy.plan,
                  {.block_rows_max = options_.block_rows_max,
                   .block_bytes_max = options_.block_bytes_max,
                   .texts = texts,
                   .place_base = place.base,
                   .completed = [&](TableBatch& batch) { complete_batch(batch, target, tools.writer); }});
  std::uint64_t sent = 0;
  auto next = [&] {
    if (tools.stop.stop_requested()) throw Error(ErrorCode::Stopped, "the copy was stopped");
    Bytes block = rows.next();
    sent = rows.rows() - range.rows;
    return block;
  };
  for (range.rows = 0; rows.begin_insert();) {
    send_rows(tools.inserting, *copy.plan, target, {.next = next, .count = sent});
    range.rows += sent;
    rows_copied_ += sent;
    tools.rows_sent += sent;
  }
}

}  // namespace echodb
