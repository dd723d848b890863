#include "sim/copy_reader.h"

#include <algorithm>

#include "replication/copy_start.h"
#include "replication/lane_tasks.h"

namespace echodb::sim {
namespace {

constexpr std::uint64_t kPlacesPerRange = 6;
constexpr std::size_t kRowsPerBlock = 2;
/// A ClickHouse that can do all that EchoDB asks for.
constexpr int kServerMajor = 26;

class SimCopyReader final : public CopyReader {
 public:
  SimCopyReader(Source& source, Target& target, Faults& faults, Random& random, const CopyReaderParts& parts)
      : source_(source), client_(target, faults), faults_(faults), random_(random), parts_(parts) {}

  bool plan(CopyWork& work) override;
  bool copy_range(CopyWork& work) override;
  Lsn end_of_log() override {
    ask();
    const Lsn end = source_.end_of_log();
    source_.begin();
    source_.commit();
    return end;
  }
  void give_up() override {}

 private:
  void ask();
  bool may_begin(const CopyJob& job);
  SourceTable& table_of(const CopyJob& job);
  std::vector<CopyRange> cut(const SourceTable& table, const CopyJob& job);
  void copy_whole(CopyWork& work);
  void send(const RunningCopy& copy, CopyRange& range, const std::vector<std::pair<std::uint64_t, SourceRow>>& rows);
  std::vector<std::pair<std::uint64_t, SourceRow>> read(const SourceTable& table, const CopyRange& range,
                                                        const Snapshot& snapshot);

  Source& source_;
  SimTargetClient client_;
  Faults& faults_;
  Random& random_;
  CopyReaderParts parts_;
};

/// A statement of the source's: it may be away.
void SimCopyReader::ask() {
  const Faults::Fate fate = faults_.next();
  if (parts_.stop.stop_requested()) throw Error(ErrorCode::Stopped, "the copy was stopped");
  if (fate == Faults::Fate::NeverArrived || fate == Faults::Fate::Busy) {
    throw Error(ErrorCode::SourceUnreachable, "the source is away");
  }
}

SourceTable& SimCopyReader::table_of(const CopyJob& job) {
  SourceTable* table = source_.find(job.table);
  if (table == nullptr) throw Error(ErrorCode::SchemaMismatch, "the table is no longer there");
  require_columns(*table->schema, job.schema);
  return *table;
}

std::vector<CopyRange> SimCopyReader::cut(const SourceTable& table, const CopyJob& job) {
  std::vector<CopyRange> ranges;
  std::uint64_t first = 0;
  do {
    ranges.push_back({.number = static_cast<int>(ranges.size()),
                      .relation = job.table,
                      .relfilenode = table.schema->relfilenode,
                      .first_block = first,
                      .end_block = first + kPlacesPerRange});
    first += kPlacesPerRange;
  } while (first < table.heap.size());
  ranges.back().end_block.reset();
  mark_as_one_copy(ranges, random_.below(1U << 30U) + 1);
  return ranges;
}

/// Nobody writes for long, so whoever is not visible yet may be a writer of this table.
bool SimCopyReader::may_begin(const CopyJob& job) {
  ask();
  return std::ranges::none_of(source_.snapshot().in_progress,
                              [&](Xid xid) { return !job.writers_before || xid < *job.writers_before; });
}

bool SimCopyReader::plan(CopyWork& work) {
  const CopyJob& job = work.copy->job;
  ask();
  const bool is_bag = work.copy->plan->is_bag();
  if (job.resume && !is_bag) work.planned = parts_.catalog.load_ranges(job.stream, job.table);
  if (!std::ranges::all_of(job.must_see, [&](Xid xid) { return source_.snapshot().sees(xid); })) return false;
  if (work.planned.empty() && !may_begin(job)) return false;
  const SourceTable* table = source_.find(job.table);
  if (table == nullptr) throw Error(ErrorCode::SchemaMismatch, "the table is no longer there");
  if (work.planned.empty() || work.planned.front().relfilenode != table->schema->relfilenode) {
    work.planned = cut(*table, job);
    parts_.catalog.replace_ranges(job.stream, job.table, work.planned);
  }
  if (is_bag) copy_whole(work);
  return true;
}

std::vector<std::pair<std::uint64_t, SourceRow>> SimCopyReader::read(const SourceTable& table, const CopyRange& range,
                                                                     const Snapshot& snapshot) {
  if (table.schema->relfilenode != range.relfilenode) {
    throw Error(ErrorCode::SchemaMismatch, "the table was rewritten during its copy");
  }
  std::vector<std::pair<std::uint64_t, SourceRow>> rows;
  const std::uint64_t end = std::min<std::uint64_t>(range.end_block.value_or(table.heap.size()), table.heap.size());
  for (std::uint64_t place = range.first_block; place < end; ++place) {
    const HeapPlace& here = table.heap[place];
    const bool is_dead = here.died != 0 && snapshot.sees(here.died);
    if (snapshot.sees(here.born) && !is_dead) rows.emplace_back(place, here.row);
  }
  return rows;
}

void SimCopyReader::send(const RunningCopy& copy, CopyRange& range,
                         const std::vector<std::pair<std::uint64_t, SourceRow>>& rows) {
  if (rows.empty()) return;
  std::size_t next_row = 0;
  std::uint64_t sent = 0;
  std::string block;
  auto next = [&]() -> Bytes {
    if (parts_.stop.stop_requested()) throw Error(ErrorCode::Stopped, "the copy was stopped");
    if (next_row == rows.size()) return {};
    TableBatch batch(copy.plan);
    const CopiedTexts no_texts(copy.plan->columns().size());
    for (std::size_t end = std::min(next_row + kRowsPerBlock, rows.size()); next_row < end; ++next_row) {
      std::vector<TupleValue> values;
      for (const PlannedColumn& column : copy.plan->columns()) {
        values.push_back(as_tuple_value(rows[next_row].second.at(column.attnum)));
      }
      batch.add_copied_row(values, {.place = rows[next_row].first, .texts = no_texts});
      ++sent;
    }
    block.clear();
    const NativeBlock made = batch.block();
    for (Bytes part : made.parts()) block += as_text(part);
    return as_bytes(block);
  };
  send_rows(client_, *copy.plan, {.table = copy.job.target, .server = {.major = kServerMajor}},
            {.next = next, .count = sent});
  range.rows = sent;
}

bool SimCopyReader::copy_range(CopyWork& work) {
  ask();
  constexpr unsigned kLocked = 50;
  if (random_.chance(kLocked)) return false;
  const auto rows = read(table_of(work.copy->job), work.range, source_.snapshot());
  // The INSERT begins when the first rows are there.
  ask();
  send(*work.copy, work.range, rows);
  if (parts_.stop.stop_requested()) throw Error(ErrorCode::Stopped, "the copy was stopped");
  parts_.catalog.finish_range(work.copy->job.stream, work.copy->job.table, work.range);
  return true;
}

void SimCopyReader::copy_whole(CopyWork& work) {
  const CopyJob& job = work.copy->job;
  Snapshot snapshot;
  for (bool passed = false; !passed;) {
    ask();
    snapshot = source_.snapshot();
    passed = job.gate->try_pass(CopyVisibility::parse(snapshot.text()));
  }
  CopyEvent taken{.job = job.id, .table = job.table, .kind = CopyEvent::Kind::SnapshotTaken};
  taken.snapshot = snapshot.text();
  parts_.emit(std::move(taken));
  std::vector<std::vector<std::pair<std::uint64_t, SourceRow>>> parts;
  const SourceTable& table = table_of(job);
  for (const CopyRange& range : work.planned) parts.push_back(read(table, range, snapshot));
  for (std::size_t index = 0; index < parts.size(); ++index) {
    send(*work.copy, work.planned[index], parts[index]);
    work.planned[index].done = true;
  }
}

}  // namespace

std::unique_ptr<CopyReader> make_sim_copy_reader(Source& source, Target& target, Faults& faults, Random& random,
                                                 const CopyReaderParts& parts) {
  return std::make_unique<SimCopyReader>(source, target, faults, random, parts);
}

}  // namespace echodb::sim
