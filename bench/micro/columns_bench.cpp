#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <vector>

#include "columns/make_column.h"
#include "measured.h"

// Values per second and core from PostgreSQL's binary form to ClickHouse's column, memory already there.
namespace echodb {
namespace {

constexpr std::size_t kValues = 10'000;

TargetType type_for(Oid oid, bool nullable, std::int32_t typmod = -1) {
  return target_type({.oid = oid, .typmod = typmod, .declared = {}},
                     {.server = {.major = 26, .minor = 7, .text = {}}, .nullable = nullable});
}

using Values = std::vector<std::string>;

void append_all(benchmark::State& state, const TargetType& type, const Values& values) {
  auto column = make_column(type);
  for (auto _ : state) {
    measured([&] {
      column->clear();
      for (const std::string& value : values) {
        if (value.empty() && type.nullable) {
          column->append_null();
        } else {
          column->append_binary(as_bytes(value));
        }
      }
      benchmark::DoNotOptimize(column->bytes());
    });
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(values.size()));
}

std::string big_endian(std::uint64_t value, std::size_t width) {
  std::string bytes;
  for (std::size_t byte = width; byte-- > 0;) bytes += static_cast<char>(value >> (8 * byte) & 0xFF);
  return bytes;
}

Values random_values(std::size_t width, std::uint64_t most) {
  std::mt19937_64 random(1);
  Values values(kValues);
  for (std::string& value : values) value = big_endian(random() % most, width);
  return values;
}

Values with_nulls(Values values) {
  for (std::size_t index = 0; index < values.size(); index += 10) values[index].clear();
  return values;
}

void int4(benchmark::State& state) { append_all(state, type_for(23, false), random_values(4, 1U << 31)); }
void int4_nullable(benchmark::State& state) {
  append_all(state, type_for(23, true), with_nulls(random_values(4, 1U << 31)));
}
void int8(benchmark::State& state) { append_all(state, type_for(20, false), random_values(8, 1ULL << 62)); }
void timestamptz_nullable(benchmark::State& state) {
  append_all(state, type_for(1184, true), with_nulls(random_values(8, 1ULL << 49)));
}

void text(benchmark::State& state) {
  Values values(kValues);
  for (std::size_t index = 0; index < values.size(); ++index) values[index].assign(8 + index % 32, 'x');
  append_all(state, type_for(25, true), values);
}

/// numeric(12, 2) of seven digits before the point: 123 4567 8900.
Values numerics() {
  Values values;
  std::mt19937_64 random(1);
  for (std::size_t index = 0; index < kValues; ++index) {
    std::string value = big_endian(3, 2) + big_endian(1, 2) + big_endian(0, 2) + big_endian(2, 2);
    value += big_endian(1 + random() % 999, 2) + big_endian(random() % 10'000, 2) + big_endian(random() % 100 * 100, 2);
    values.push_back(std::move(value));
  }
  return values;
}
void numeric_12_2(benchmark::State& state) { append_all(state, type_for(1700, true, (12 << 16 | 2) + 4), numerics()); }
void numeric_38_10(benchmark::State& state) {
  append_all(state, type_for(1700, true, (38 << 16 | 10) + 4), numerics());
}
void numeric_unbounded(benchmark::State& state) { append_all(state, type_for(1700, true), numerics()); }

BENCHMARK(int4);
BENCHMARK(int4_nullable);
BENCHMARK(int8);
BENCHMARK(timestamptz_nullable);
BENCHMARK(text);
BENCHMARK(numeric_12_2);
BENCHMARK(numeric_38_10);
BENCHMARK(numeric_unbounded);

}  // namespace
}  // namespace echodb
