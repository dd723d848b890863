#include "replication/copier.h"

#include <fmt/format.h>

#include <algorithm>

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
constexpr std::chrono::milliseconds kRetryPause{500};
/// How often a copy is planned anew because the table is not what the stream says. What the stream has not read yet
/// by then is not what is wrong.
constexpr int kPlansMax = 40;

}  // namespace

struct Copier::Running {
  CopyJob job;
  std::shared_ptr<const TablePlan> plan;
  std::vector<CopyRange> ranges;
  std::size_t next = 0;     ///< the first range nobody has taken
  std::size_t at_work = 0;  ///< threads on this job
  bool planned = false;
  std::atomic<bool> cancelled{false};
  std::stop_source ended;  ///< with `cancelled`: what its threads wait for is given up
  bool failed = false;
  int plans = 0;  ///< thrown away because the table was another one
  std::chrono::steady_clock::time_point not_before;
  std::atomic<std::uint64_t> rows{0};
};

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
  std::lock_guard lock(mutex_);
  for (std::jthread& thread : threads_) thread.request_stop();
  return std::ranges::all_of(jobs_, [](const auto& job) { return job->at_work == 0; });
}

void Copier::start(CopyJob job) {
  auto running = std::make_shared<Running>();
  running->plan = std::make_shared<TablePlan>(job.schema, job.schema, options_.choices);
  running->job = std::move(job);
  std::lock_guard lock(mutex_);
  jobs_.push_back(std::move(running));
  changed_.notify_all();
}

void Copier::cancel(Oid table) {
  std::unique_lock lock(mutex_);
  auto found = std::ranges::find_if(jobs_, [&](const auto& job) { return job->job.table == table; });
  if (found == jobs_.end()) return;
  std::shared_ptr<Running> job = *found;
  job->cancelled = true;
  job->ended.request_stop();
  changed_.wait(lock, [&] { return job->at_work == 0; });
  std::erase(jobs_, job);
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
  std::shared_ptr<Running> job;
  std::size_t range = 0;
  while (take_work(stop, job, range)) {
    if (!tools || tools->stop.stop_requested()) tools.emplace(options_, stop);
    std::stop_callback cancelled(job->ended.get_token(), Tools::Interrupt{tools->interrupted});
    try {
      copy_one(*tools, *job, range);
    } catch (const Error& error) {
      tools->connection.reset();
      tools->rendering.reset();
      bool turn_is_over = error.code() == ErrorCode::Stopped || error.code() == ErrorCode::LeadershipLost;
      if (!turn_is_over) failed(*job, range, error);
    } catch (const std::exception& fault) {
      tools->connection.reset();
      tools->rendering.reset();
      failed(*job, range, Error(ErrorCode::ProtocolViolation, fault.what()));
    }
    std::lock_guard lock(mutex_);
    --job->at_work;
    changed_.notify_all();
  }
}

/// Takes the next range of a planned job, or a whole job that has still to be planned or has no key.
bool Copier::take_work(std::stop_token stop, std::shared_ptr<Running>& job, std::size_t& range) {
  auto available = [&]() -> std::shared_ptr<Running> {
    auto now = std::chrono::steady_clock::now();
    for (const auto& candidate : jobs_) {
      if (candidate->cancelled || candidate->failed || candidate->not_before > now) continue;
      if (!candidate->planned && candidate->at_work == 0) return candidate;
      if (candidate->planned && candidate->next < candidate->ranges.size()) return candidate;
    }
    return nullptr;
  };
  std::unique_lock lock(mutex_);
  using namespace std::chrono_literals;
  while (!stop.stop_requested()) {
    job = available();
    if (job != nullptr) break;
    changed_.wait_for(lock, stop, 200ms, [] { return false; });
  }
  if (job == nullptr || stop.stop_requested()) return false;
  range = job->planned ? job->next++ : 0;
  ++job->at_work;
  return true;
}

void Copier::copy_one(Tools& tools, Running& job, std::size_t range) {
  if (!job.planned) {
    prepare(tools, job);
  } else {
    copy_range(tools, job, job.ranges[range]);
  }
  bool last = false;
  {
    std::lock_guard lock(mutex_);
    last = job.planned && std::ranges::all_of(job.ranges, &CopyRange::done) && !job.cancelled && !job.failed;
  }
  if (last) finished(tools, job);
}

void Copier::prepare(Tools& tools, Running& job) {
  if (job.job.await_writers) wait_for_writers(tools.source(), job.job.table, tools.stop);
  wait_until_visible(tools.source(), job.job.must_see, tools.stop);
  plan_ranges(tools, job);
  if (job.plan->is_bag()) copy_whole(tools, job);
  std::lock_guard lock(mutex_);
  job.planned = true;
  changed_.notify_all();
}

void Copier::plan_ranges(Tools& tools, Running& job) {
  PostgresConnection& source = tools.source();
  // pg_partition_tree would hold a lock on each partition while it waits for the next one's.
  QueryResult leaves = source.query(
      "SELECT c.oid, c.relfilenode, coalesce(pg_relation_size(c.oid), 0) / current_setting('block_size')::int, "
      "greatest(c.reltuples, 0)::bigint FROM pg_class c WHERE c.relkind = 'r' AND (c.oid = $1::oid OR c.relispartition "
      "AND "
      "$1::oid IN (SELECT relid::oid FROM pg_partition_ancestors(c.oid::regclass))) ORDER BY c.oid",
      {std::to_string(job.job.table)});
  std::vector<HeapSize> heaps;
  std::uint64_t estimate = 0;
  for (std::size_t row = 0; row < leaves.rows(); ++row) {
    heaps.push_back({.relation = static_cast<Oid>(leaves.number(row, 0)),
                     .relfilenode = static_cast<Oid>(leaves.number(row, 1)),
                     .pages = leaves.number(row, 2)});
    estimate += leaves.number(row, 3);
  }
  std::vector<CopyRange> known = job.job.resume && !job.plan->is_bag()
                                     ? catalog_.load_ranges(job.job.stream, job.job.table)
                                     : std::vector<CopyRange>();
  auto same_heap = [&](const CopyRange& range) {
    return std::ranges::any_of(heaps, [&](const HeapSize& heap) {
      return heap.relation == range.relation && heap.relfilenode == range.relfilenode;
    });
  };
  if (known.empty() || !std::ranges::all_of(known, same_heap)) {
    known = cut_ranges(heaps, source.server_version());
    catalog_.replace_ranges(job.job.stream, job.job.table, known);
  }
  job.ranges = std::move(known);
  job.next = 0;
  for (const CopyRange& range : job.ranges) job.rows += range.done ? range.rows : 0;
  rows_copied_ += job.rows;
  rows_to_copy_ += std::max<std::uint64_t>(estimate, job.rows);
  while (job.next < job.ranges.size() && job.ranges[job.next].done) ++job.next;
}

/// False: a lock was not given while others were held, and the transaction is to be rolled back.
bool Copier::try_read_range(Tools& tools, Running& job, CopyRange& range) {
  PostgresConnection& source = tools.source();
  try {
    const NamedRelation relation = begin_copy(source, {&range.relation, 1}, tools.stop).front();
    require_columns(source, job.job.schema);
    read_range(tools, job, range, {.relation = relation.name});
    return true;
  } catch (const Error& error) {
    if (!is_lock_refused(error)) throw;
    return false;
  }
}

void Copier::copy_range(Tools& tools, Running& job, CopyRange& range) {
  if (range.done) return;
  PostgresConnection& source = tools.source();
  while (!try_read_range(tools, job, range)) let_pass(source, tools.stop);
  source.execute("COMMIT");
  if (job.cancelled) return;
  failpoint("copy.range_written");
  catalog_.finish_range(job.job.stream, job.job.table, range);
  failpoint("copy.range_recorded");
  std::lock_guard lock(mutex_);
  range.done = true;
}

void Copier::copy_whole(Tools& tools, Running& job) {
  PostgresConnection& source = tools.source();
  std::vector<Oid> tables;
  for (const CopyRange& range : job.ranges) {
    if (tables.empty() || tables.back() != range.relation) tables.push_back(range.relation);
  }
  auto [relations, snapshot] = begin_whole_copy(source, tables, *job.job.gate, tools.stop);
  CopyEvent taken{.job = job.job.id, .table = job.job.table, .kind = CopyEvent::Kind::SnapshotTaken};
  taken.snapshot = std::move(snapshot);
  emit(std::move(taken));
  require_columns(source, job.job.schema);
  for (CopyRange& range : job.ranges) {
    auto relation = std::ranges::find(relations, range.relation, &NamedRelation::oid);
    const auto part = static_cast<std::uint64_t>(relation - relations.begin());
    read_range(tools, job, range, {.relation = relation->name, .base = part << kPlaceBitsOfPart});
    failpoint("copy.range_written");
    range.done = true;
  }
  source.execute("COMMIT");
}

/// Copies one range inside the transaction that is open. The heap must still be the one that was cut into ranges:
/// VACUUM FULL and the like move rows without a word in the stream.
void Copier::read_range(Tools& tools, Running& job, CopyRange& range, const Place& place) {
  PostgresConnection& source = tools.source();
  QueryResult heap = source.query("SELECT pg_relation_filenode($1::oid)", {std::to_string(range.relation)});
  if (heap.is_null(0, 0) || heap.number(0, 0) != range.relfilenode) {
    throw Error(ErrorCode::SchemaMismatch, "the table was rewritten during its copy");
  }
  InsertTask::Target target{.table = job.job.target, .server = options_.choices.server};
  CopiedTexts texts = copied_texts(*job.plan, source.server_version());
  CopiedRows rows(source, copy_sql(*job.plan, place.relation, range, texts), job.plan,
                  {.block_rows_max = options_.block_rows_max,
                   .block_bytes_max = options_.block_bytes_max,
                   .texts = texts,
                   .place_base = place.base,
                   .completed = [&](TableBatch& batch) { complete_batch(batch, target, tools.writer); }});
  std::uint64_t sent = 0;
  auto next = [&] {
    if (job.cancelled || tools.stop.stop_requested()) throw Error(ErrorCode::Stopped, "the copy was stopped");
    Bytes block = rows.next();
    sent = rows.rows() - range.rows;
    return block;
  };
  for (range.rows = 0; rows.begin_insert();) {
    send_rows(tools.inserting, *job.plan, target, {.next = next, .count = sent});
    range.rows += sent;
    rows_copied_ += sent;
    job.rows += sent;
  }
}

void Copier::finished(Tools& tools, Running& job) {
  CopyEvent event{.job = job.job.id, .table = job.job.table, .rows = job.rows, .kind = CopyEvent::Kind::Finished};
  event.seen_to = parse_lsn(tools.source().query("SELECT pg_current_wal_insert_lsn()").text(0, 0));
  // Reading may have pruned pages, which is in the log and not flushed, perhaps for minutes: a commit flushes it, so
  // that the stream gets there.
  tools.source().query("SELECT pg_logical_emit_message(true, 'echodb_flush', '')");
  {
    std::lock_guard lock(mutex_);
    if (job.cancelled) return;
    std::erase_if(jobs_, [&](const auto& other) { return other.get() == &job; });
  }
  failpoint("copy.finished");
  emit(std::move(event));
}

/// A range that may succeed later is put back. A heap that was exchanged, or a schema ahead of the stream's, has the
/// whole job planned again. A keyless table's copy is one transaction: nothing of it can be kept.
void Copier::failed(Running& job, std::size_t range, const Error& error) {
  if (error.detail("breaker").empty()) {
    log::warn("copy of {}: {}", job.job.schema.qualified_name(), error.what());
  }
  bool ahead = error.code() == ErrorCode::SchemaMismatch || error.code() == ErrorCode::SourceRejected;
  bool again = (ahead && ++job.plans < kPlansMax) || options_.transient(error);
  {
    std::lock_guard lock(mutex_);
    if (job.cancelled || job.failed) return;
    job.not_before = std::chrono::steady_clock::now() + kRetryPause;
    if (again && !job.plan->is_bag()) {
      job.planned = job.planned && !ahead;
      job.job.resume = true;
      if (job.planned) job.next = std::min(job.next, range);
      return;
    }
    job.failed = true;
    std::erase_if(jobs_, [&](const auto& other) { return other.get() == &job; });
  }
  emit({.job = job.job.id, .table = job.job.table, .kind = CopyEvent::Kind::Failed, .failure = error, .again = again});
}

}  // namespace echodb
