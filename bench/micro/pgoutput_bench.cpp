// What the pgoutput decoder costs per message, on the messages of a pgbench_accounts-like table.

#include <benchmark/benchmark.h>

#include <string>
#include <string_view>

#include "measured.h"
#include "postgres/pgoutput.h"
#include "wire.h"

namespace echodb {
namespace {

constexpr int kMessages = 1'000;

/// Adds up what it is given, so that nothing is optimised away.
class Sum : public PgoutputHandler {
 public:
  void on_begin(const BeginMessage& m) override { total += m.xid; }
  void on_commit(const CommitMessage& m) override { total += m.end_lsn.value; }
  void on_origin(const OriginMessage& m) override { total += m.name.size(); }
  void on_relation(const RelationMessage& m) override { total += m.columns.size(); }
  void on_type(const TypeMessage& m) override { total += m.oid; }
  void on_insert(const InsertMessage& m) override { add(m.row); }
  void on_update(const UpdateMessage& m) override {
    add(m.old);
    add(m.row);
  }
  void on_delete(const DeleteMessage& m) override { add(m.old); }
  void on_truncate(const TruncateMessage& m) override { total += m.relations.size(); }
  void on_logical_message(const LogicalMessage& m) override { total += m.content.size(); }

  std::uint64_t total = 0;

 private:
  void add(std::span<const TupleValue> row) {
    for (const TupleValue& value : row) total += value.value.size();
  }
};

/// A row of `columns` binary values of `bytes` each.
std::string row(std::uint64_t columns, std::uint64_t bytes) {
  std::string message;
  append_big_endian(message, columns, 2);
  for (std::uint64_t i = 0; i < columns; ++i) {
    append_binary_value(message, std::string(bytes, 'x'));
  }
  return message;
}

void decode_repeatedly(benchmark::State& state, std::string_view message) {
  PgoutputDecoder decoder;
  Sum sum;
  for (auto _ : state) {
    measured([&] {
      for (int i = 0; i < kMessages; ++i) decoder.decode(as_bytes(message), sum);
    });
  }
  benchmark::DoNotOptimize(sum.total);
  state.SetItemsProcessed(state.iterations() * kMessages);
  state.SetBytesProcessed(state.iterations() * kMessages * static_cast<std::int64_t>(message.size()));
}

void decode_insert(benchmark::State& state) {
  auto columns = static_cast<std::uint64_t>(state.range(0));
  decode_repeatedly(state, std::string("I\0\0\x40\x01N", 6) + row(columns, 8));
}
BENCHMARK(decode_insert)->Arg(1)->Arg(4)->Arg(20)->Arg(100);

void decode_update_with_old_row(benchmark::State& state) {
  auto columns = static_cast<std::uint64_t>(state.range(0));
  decode_repeatedly(state, std::string("U\0\0\x40\x01O", 6) + row(columns, 8) + "N" + row(columns, 8));
}
BENCHMARK(decode_update_with_old_row)->Arg(4)->Arg(20);

void decode_begin(benchmark::State& state) { decode_repeatedly(state, "B" + std::string(20, '\x01')); }
BENCHMARK(decode_begin);

}  // namespace
}  // namespace echodb
