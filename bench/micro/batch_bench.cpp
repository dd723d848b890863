// What a change costs on its whole way through us: from pgoutput's message to the block that ClickHouse is sent, on
// rows like pgbench_accounts'.

#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "measured.h"
#include "postgres/pgoutput.h"
#include "replication/table_batch.h"
#include "wire.h"

namespace echodb {
namespace {

constexpr std::uint64_t kRows = 10'000;
constexpr Oid kTable = 16385;

Column column(std::int16_t attnum, std::string name, ColumnType type, bool not_null) {
  Column made;
  made.attnum = attnum;
  made.name = std::move(name);
  made.type = std::move(type);
  made.not_null = not_null;
  return made;
}

std::shared_ptr<const TablePlan> plan() {
  constexpr Oid kInteger = 23;
  constexpr Oid kCharacter = 1042;
  constexpr std::int32_t kLength84 = 88;
  ColumnType integer{.oid = kInteger, .declared = "integer"};
  TableSchema schema;
  schema.oid = kTable;
  schema.schema = "public";
  schema.name = "pgbench_accounts";
  schema.columns = {column(1, "aid", integer, true), column(2, "bid", integer, false),
                    column(3, "abalance", integer, false),
                    column(4, "filler", {.oid = kCharacter, .typmod = kLength84, .declared = "character(84)"}, false)};
  schema.primary_key = {1};
  TypeChoices choices{.server = {.major = 26, .minor = 7, .text = "26.7"}};
  return std::make_shared<TablePlan>(schema, schema, choices);
}

std::string tuple(std::uint64_t aid) {
  std::string row;
  append_big_endian(row, 4, 2);
  std::string number;
  append_big_endian(number, aid, 4);
  append_binary_value(row, number);
  append_binary_value(row, std::string("\0\0\0\1", 4));
  append_binary_value(row, std::string("\0\0\1\2", 4));
  append_binary_value(row, std::string(84, ' '));
  return row;
}

/// One message for each row; `kind` and what comes before its new tuple.
std::vector<std::string> messages(char kind) {
  std::vector<std::string> made(kRows);
  for (std::uint64_t row = 0; row < kRows; ++row) {
    made[row] += kind;
    append_big_endian(made[row], kTable, 4);
    made[row] += 'N' + tuple(row);
  }
  return made;
}

/// Puts what it hears into a batch, as the stream does.
class Filler : public PgoutputHandler {
 public:
  explicit Filler(TableBatch& batch) : batch_(batch) {}
  void on_begin(const BeginMessage& /*message*/) override {}
  void on_commit(const CommitMessage& /*message*/) override {}
  void on_origin(const OriginMessage& /*message*/) override {}
  void on_relation(const RelationMessage& /*message*/) override {}
  void on_type(const TypeMessage& /*message*/) override {}
  void on_insert(const InsertMessage& message) override { batch_.add_inserted_row(message.row, positions_, next()); }
  void on_update(const UpdateMessage& message) override {
    batch_.add_updated_row(message.row, message.old, positions_, next());
  }
  void on_delete(const DeleteMessage& message) override { batch_.add_tombstone(message.old, positions_, next()); }
  void on_truncate(const TruncateMessage& /*message*/) override {}
  void on_logical_message(const LogicalMessage& /*message*/) override {}

 private:
  ChangeStamp next() { return {.commit = {1}, .ordinal = ++ordinal_}; }
  TableBatch& batch_;
  std::vector<std::size_t> positions_{0, 1, 2, 3};
  std::uint64_t ordinal_ = 0;
};

void fill_and_write(benchmark::State& state, char kind) {
  auto of = plan();
  auto changes = messages(kind);
  PgoutputDecoder decoder;
  for (auto _ : state) {
    measured([&] {
      TableBatch batch(of);
      Filler filler(batch);
      for (const std::string& change : changes) decoder.decode(as_bytes(change), filler);
      NativeBlock block = batch.block();
      benchmark::DoNotOptimize(block.parts());
    });
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kRows));
}

void batch_of_inserts(benchmark::State& state) { fill_and_write(state, 'I'); }
void batch_of_updates(benchmark::State& state) { fill_and_write(state, 'U'); }
BENCHMARK(batch_of_inserts);
BENCHMARK(batch_of_updates);

void copied_rows(benchmark::State& state) {
  auto of = plan();
  std::string number("\0\0\1\2", 4);
  std::string filler(84, ' ');
  using Kind = TupleValue::Kind;
  TupleValue integer{.kind = Kind::Binary, .value = as_bytes(number)};
  std::vector<TupleValue> row{integer, integer, integer, {.kind = Kind::Binary, .value = as_bytes(filler)}};
  const CopiedTexts no_texts(row.size());
  for (auto _ : state) {
    measured([&] {
      TableBatch batch(of);
      for (std::uint64_t index = 0; index < kRows; ++index) {
        batch.add_copied_row(row, {.place = index, .texts = no_texts});
      }
      NativeBlock block = batch.block();
      benchmark::DoNotOptimize(block.parts());
    });
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kRows));
}
BENCHMARK(copied_rows);

}  // namespace
}  // namespace echodb
