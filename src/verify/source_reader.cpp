#include "verify/source_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/limits.h"
#include "postgres/copy_binary.h"
#include "postgres/server_version.h"
#include "replication/source_look_up.h"
#include "replication/source_table.h"
#include "verify/table_heaps.sql.h"
#include "verify/table_size.sql.h"

namespace echodb {
namespace {

/// More keys than this share a leading value: it does not cut the table into ranges.
constexpr std::uint64_t kRowsPerLeadingValueMax = 50'000;
/// A table of this size is in memory anyway, whatever its order.
constexpr std::uint64_t kSmallTableBytes = 64ULL << 20;
constexpr double kCorrelationLeast = 0.9;

}  // namespace

/// Makes batches of bounded size of a COPY's rows.
class SourceReader::Sink final : public CopyRowHandler {
 public:
  Sink(SourceReader& reader, bool with_place, const OnBatch& on_batch)
      : reader_(reader), with_place_(with_place), on_batch_(on_batch) {
    fresh();
  }

  void on_row(std::span<const TupleValue> row) override {
    if (with_place_) {
      batch_->add_copied_row(row.first(row.size() - 1), {.place = rows_, .texts = reader_.texts_});
    } else {
      batch_->add_copied_row(row, {.place = rows_, .texts = reader_.texts_});
    }
    ++rows_;
    for (const TupleValue& value : row) bytes_ += value.value.size() + 1;
    if (batch_->rows() >= limits::kCheckBatchRows || bytes_ >= limits::kCheckBatchBytes) flush();
  }

  void flush() {
    if (batch_->rows() == 0) return;
    render_source_texts(*batch_, reader_.tools_);
    on_batch_(*batch_);
    fresh();
  }

  [[nodiscard]] std::uint64_t rows() const { return rows_; }

 private:
  void fresh() {
    batch_ = std::make_unique<TableBatch>(reader_.table_.plan);
    bytes_ = 0;
  }

  SourceReader& reader_;
  bool with_place_;
  const OnBatch& on_batch_;
  std::unique_ptr<TableBatch> batch_;
  std::uint64_t rows_ = 0;
  std::size_t bytes_ = 0;
};

SourceReader::SourceReader(PostgresConnection& connection, const Settings& settings, const CheckedTable& table,
                           std::stop_token stop)
    : table_(table),
      stop_(std::move(stop)),
      connection_(connection),
      texts_(copied_texts(*table.plan, table.oid, table.stream.format(connection_.server_version()), connection_)),
      rendering_(connect_writer(settings.clickhouse, settings.postgres, stop_)),
      tools_(rendering_.tools()) {}

SourceMoment SourceReader::begin(std::chrono::milliseconds statement_timeout) {
  SourceMoment moment{.before = position(), .after = {}, .in_progress = {}};
  // Between the two: whoever committed before `before` had its lock by then, and holds it until the snapshot shows it.
  QueryResult running = connection_.query(
      "SELECT transactionid FROM pg_locks WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock' AND granted");
  for (std::size_t row = 0; row < running.rows(); ++row) moment.in_progress.push_back(running.number(row, 0));
  QueryResult seen = connection_.execute(
      fmt::format("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = {}; "
                  "SELECT pg_current_wal_insert_lsn(), pg_current_snapshot()",
                  statement_timeout.count()));
  moment.after = parse_lsn(seen.text(0, 0));
  return moment;
}

bool SourceMoment::still_in_progress(std::span<const std::uint64_t> earlier) const {
  return std::ranges::any_of(earlier, [this](std::uint64_t transaction) {
    return std::ranges::find(in_progress, transaction) != in_progress.end();
  });
}

void SourceReader::commit() { connection_.execute("COMMIT"); }

void SourceReader::rollback() { connection_.execute("ROLLBACK"); }

Lsn SourceReader::position() { return parse_lsn(connection_.query("SELECT pg_current_wal_insert_lsn()").text(0, 0)); }

std::uint64_t SourceReader::copy(const std::string& sql, bool with_place, const OnBatch& on_batch) {
  CopyBinaryParser parser({.columns = table_.plan->columns().size() + (with_place ? 1 : 0)});
  Sink sink(*this, with_place, on_batch);
  copy(sql, parser, sink);
  sink.flush();
  return sink.rows();
}

void SourceReader::copy(const std::string& sql, CopyBinaryParser& parser, CopyRowHandler& handler) {
  connection_.copy_out(sql, [&](Bytes chunk) {
    if (stop_.stop_requested()) throw Error(ErrorCode::Stopped, "the check was stopped");
    parser.consume(chunk, handler);
  });
  parser.finish();
}

std::string SourceReader::relation_name(Oid relation) {
  QueryResult found = connection_.query(
      "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
      "WHERE c.oid = $1::oid",
      {std::to_string(relation)});
  if (found.rows() == 0) throw Error(ErrorCode::SchemaMismatch, "the table is no longer there");
  std::string name(found.text(0, 0));
  lock_relation(connection_, relation, name);
  return name;
}

SourceTable SourceReader::table() {
  std::optional<SourceTable> found = read_source_table(connection_, table_.oid);
  if (!found) throw Error(ErrorCode::SchemaMismatch, "the table is no longer there");
  return *std::move(found);
}

SourceTable SourceReader::locked_table() {
  SourceTable found = table();
  lock_relation(connection_, table_.oid, found.relation);
  return found;
}

std::uint64_t SourceReader::read_range(const std::string& after, std::size_t rows, const OnBatch& on_batch) {
  const std::string leading = quote_sql_identifier(table_.plan->columns()[table_.plan->key().front()].source_name);
  // The index gives the rows in order; sorting the table for every range would not end.
  connection_.execute("SET LOCAL enable_sort = off; SET LOCAL enable_seqscan = off; SET LOCAL jit = off");
  return copy(fmt::format("COPY (SELECT {0} FROM ONLY {1}{2} ORDER BY {3} FETCH FIRST {4} ROWS WITH TIES) "
                          "TO STDOUT (FORMAT binary)",
                          copied_list(*table_.plan, texts_), relation_name(table_.oid),
                          after.empty() ? "" : fmt::format(" WHERE {} > {}", leading, after), leading, rows),
              /*with_place=*/false, on_batch);
}

std::uint64_t SourceReader::read_blocks(const CopyRange& range, const OnBatch& on_batch) {
  return copy(copy_sql(*table_.plan, relation_name(range.relation), range, texts_), table_.plan->is_bag(), on_batch);
}

std::uint64_t SourceReader::read_keys(const KeyRows& keys, std::span<const std::size_t> rows, const OnBatch& on_batch) {
  return copy(keys_sql(keys, rows), /*with_place=*/false, on_batch);
}

void SourceReader::read_keys_raw(const KeyRows& keys, std::span<const std::size_t> rows,
                                 const std::function<void(std::span<const TupleValue>)>& on_row) {
  class Handler final : public CopyRowHandler {
   public:
    explicit Handler(const std::function<void(std::span<const TupleValue>)>& call) : call_(call) {}
    void on_row(std::span<const TupleValue> row) override { call_(row); }

   private:
    const std::function<void(std::span<const TupleValue>)>& call_;
  };
  CopyBinaryParser parser({.columns = table_.plan->columns().size()});
  Handler handler(on_row);
  copy(keys_sql(keys, rows), parser, handler);
}

SourceReader::WantedKeys SourceReader::wanted(const SourceTable& source, const KeyRows& keys,
                                              std::span<const std::size_t> rows) {
  WantedKeys wanted{.relation = source.relation, .values = {}, .typed = {}, .condition = {}};
  std::string arrays;
  std::string names;
  for (std::size_t part = 0; part < keys.parts(); ++part) {
    const SourceColumn* found = source.find(table_.plan->columns()[table_.plan->key()[part]].attnum);
    if (found == nullptr) throw Error(ErrorCode::SchemaMismatch, "a key column was dropped");
    const SourceColumn key = found->for_literals();
    const char* comma = part == 0 ? "" : ", ";
    const std::string given = fmt::format("wanted.k{}", part);
    wanted.typed += comma + (key.given_as == GivenAs::Text ? given : key.value(given));
    wanted.condition += (part == 0 ? "" : " AND ") + key.equals(given);
    arrays += comma + key.literal(column_as_array(keys.column(part), rows));
    names += fmt::format("{}k{}", comma, part);
  }
  wanted.values = fmt::format("FROM unnest({}) AS wanted({})", arrays, names);
  return wanted;
}

std::string SourceReader::keys_sql(const KeyRows& keys, std::span<const std::size_t> rows) {
  const WantedKeys wanted = this->wanted(locked_table(), keys, rows);
  return fmt::format("COPY (SELECT {} FROM {} AS here WHERE EXISTS (SELECT {} WHERE {})) TO STDOUT (FORMAT binary)",
                     copied_list(*table_.plan, texts_), wanted.relation, wanted.values, wanted.condition);
}

bool SourceReader::can_hold(const KeyRows& keys, std::size_t row) {
  const WantedKeys wanted = this->wanted(table(), keys, std::span(&row, 1));
  try {
    connection_.query(fmt::format("SELECT {} {}", wanted.typed, wanted.values));
    return true;
  } catch (const Error& error) {
    // Class 22 is a fault of the value.
    if (!error.sqlstate().starts_with("22")) throw;
    return false;
  }
}

std::uint64_t SourceReader::read_sample(std::uint64_t rows, std::uint64_t of, const OnBatch& on_batch) {
  const SourceTable source = locked_table();
  // Somewhat more than asked for, since a sample's size is a matter of chance; a small table is taken whole. In an
  // order of chance, or the limit would leave out the end of the heap.
  constexpr double kMargin = 1.5;
  constexpr std::uint64_t kWhole = 10'000;
  const bool is_small = of < kWhole || rows * 4 > of;
  const std::string sample =
      is_small ? std::string()
               : fmt::format(" TABLESAMPLE BERNOULLI ({})",
                             std::min(100.0, 100.0 * kMargin * static_cast<double>(rows) / static_cast<double>(of)));
  return copy(fmt::format("COPY (SELECT {} FROM {}{} ORDER BY random() LIMIT {}) TO STDOUT (FORMAT binary)",
                          copied_list(*table_.plan, texts_), source.relation, sample, rows),
              /*with_place=*/false, on_batch);
}

std::uint64_t SourceReader::count() {
  const SourceTable source = locked_table();
  return connection_.query("SELECT count(*) FROM " + source.relation).number(0, 0);
}

std::vector<HeapSize> SourceReader::heaps() {
  QueryResult leaves = connection_.query(std::string(sql::table_heaps), {std::to_string(table_.oid)});
  std::vector<HeapSize> heaps;
  for (std::size_t row = 0; row < leaves.rows(); ++row) {
    heaps.push_back({.relation = static_cast<Oid>(leaves.number(row, 0)),
                     .relfilenode = static_cast<Oid>(leaves.number(row, 1)),
                     .pages = leaves.number(row, 2)});
  }
  return heaps;
}

std::vector<CopyRange> SourceReader::ranges(std::uint64_t rows_max) {
  const std::vector<HeapSize> heaps = this->heaps();
  std::vector<CopyRange> cut = cut_ranges(heaps, connection_.server_version());
  if (rows_max == 0 || !scans_by_ctid(connection_.server_version())) return cut;
  const Size size = this->size();
  const std::uint64_t pages = size.bytes / limits::kPostgresPageBytes + 1;
  const std::uint64_t step = std::max<std::uint64_t>(rows_max * pages / std::max<std::uint64_t>(size.rows, 1), 1);
  std::vector<CopyRange> finer;
  for (CopyRange range : cut) {
    const std::uint64_t end =
        range.end_block.value_or(std::ranges::find(heaps, range.relation, &HeapSize::relation)->pages);
    while (range.first_block + step < end) {
      CopyRange part = range;
      part.end_block = range.first_block + step;
      range.first_block += step;
      finer.push_back(part);
    }
    finer.push_back(range);
  }
  return finer;
}

bool SourceReader::are_heaps(std::span<const CopyRange> ranges) {
  const std::vector<HeapSize> now = heaps();
  return std::ranges::all_of(ranges, [&](const CopyRange& range) {
    auto heap = std::ranges::find(now, range.relation, &HeapSize::relation);
    return heap != now.end() && heap->relfilenode == range.relfilenode;
  });
}

SourceReader::Size SourceReader::size() {
  if (!size_) {
    QueryResult found = connection_.query(std::string(sql::table_size), {std::to_string(table_.oid)});
    size_ = {.rows = found.number(0, 0), .bytes = found.number(0, 1)};
  }
  return *size_;
}

bool SourceReader::lies_in_key_order() {
  const Size size = this->size();
  const std::string& leading = table_.plan->columns()[table_.plan->key().front()].source_name;
  QueryResult found = connection_.query(
      "SELECT abs(s.correlation), CASE WHEN s.n_distinct < 0 THEN greatest(-s.n_distinct * $4::float8, 1) "
      "ELSE s.n_distinct END FROM pg_stats s WHERE s.schemaname = $1 AND s.tablename = $2 AND s.attname = $3 "
      "AND NOT s.inherited",
      {table_.schema_name, table_.name, leading, std::to_string(size.rows)});
  // Nothing is known of a table that was never analysed: rows of one leading value may be all there are.
  if (found.rows() == 0) return table_.plan->key().size() == 1 || size.bytes < kSmallTableBytes;
  const bool ordered = !found.is_null(0, 0) && std::stod(std::string(found.text(0, 0))) >= kCorrelationLeast;
  const double distinct = std::stod(std::string(found.text(0, 1)));
  const bool fine = table_.plan->key().size() == 1 || distinct < 1 ||
                    static_cast<double>(size.rows) / distinct < static_cast<double>(kRowsPerLeadingValueMax);
  return fine && (ordered || size.bytes < kSmallTableBytes);
}

}  // namespace echodb
