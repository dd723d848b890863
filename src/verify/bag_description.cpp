// The half of BagComparison that names what it found.

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "config/limits.h"
#include "replication/target_look_up.h"
#include "verify/bag_comparison.h"
#include "verify/bag_rows.h"
#include "verify/heap_walk.h"
#include "verify/rows_parser.h"

namespace echodb {
namespace {

/// The digests of the values of one row of each content that is wanted: its rows are all alike.
using Values = std::map<RowHash, std::vector<std::uint64_t>>;

void read_source_values(const BagComparison::Tools& tools, Values& wanted) {
  std::vector<ValueDigest> digests;
  for (const PlannedColumn& column : tools.table.plan->columns()) digests.emplace_back(column.type);
  HeapWalk(tools.source, tools.settings.check_rows_per_second, tools.stop)
      .run({.on_start = [] {},
            .on_batch =
                [&](TableBatch& batch) {
                  for (std::size_t row = 0; row < batch.rows(); ++row) {
                    auto found = wanted.find(batch.identity(row).hash);
                    if (found == wanted.end() || !found->second.empty()) continue;
                    for (std::size_t column = 0; column < digests.size(); ++column) {
                      found->second.push_back(digests[column].of(batch.column(column), row));
                    }
                  }
                }});
}

}  // namespace

BagComparison::DifferingColumns BagComparison::differing_columns() {
  const CheckedTable& table = tools_.table;
  Values wanted;
  std::string hashes;
  for (const auto& [hash, content] : certain_) {
    if (content.tampered.empty() || wanted.size() >= limits::kCheckMismatchesNamed) continue;
    wanted.try_emplace(hash);
    hashes += (hashes.empty() ? "" : ", ") + hash_literal(hash);
  }
  DifferingColumns differing;
  if (wanted.empty()) return differing;
  read_source_values(tools_, wanted);
  std::vector<std::size_t> columns(table.plan->columns().size());
  std::iota(columns.begin(), columns.end(), 0);
  std::string list;
  std::vector<ValueDigest> digests;
  for (std::size_t column : columns) {
    list += table.quoted(column) + ", ";
    digests.emplace_back(table.target_types[column]);
  }
  const TargetReader::OnRows on_rows = [&](TargetRows& piece) {
    RowBinaryReader extra(as_bytes(piece.extra));
    for (std::size_t row = 0; row < piece.rows(); ++row) {
      const auto hash = extra.read<RowHash>();
      const std::vector<std::uint64_t>& expected = wanted[hash];
      for (std::size_t column = 0; column < expected.size(); ++column) {
        const std::string& name = table.plan->columns()[column].source_name;
        std::vector<std::string>& names = differing[hash];
        if (digests[column].of(*piece.columns[column], row) != expected[column] &&
            std::ranges::find(names, name) == names.end()) {
          names.push_back(name);
        }
      }
    }
  };
  RowsParser parser(table, columns, {.extra_bytes = sizeof(RowHash)}, on_rows);
  tools_.target.read_raw(fmt::format("{}{}, {}", list, kVersionColumn, kRowHashColumn),
                         fmt::format("{} = 0 AND {} IN ({})", kIsDeletedColumn, kRowHashColumn, hashes),
                         [&](Bytes bytes) { parser.consume(bytes); });
  parser.finish();
  return differing;
}

void BagComparison::describe(Outcome& outcome) {
  DifferingColumns differing = differing_columns();
  outcome.target_rows = outcome.source_rows;
  for (const auto& entry : certain_) {
    const auto& hash = entry.first;
    const auto& content = entry.second;
    const std::uint64_t untouched = content.in_target - content.tampered.size();
    auto report = [&](std::string_view kind, std::uint64_t rows, std::vector<std::string> columns) {
      if (rows == 0) return;
      outcome.mismatched += rows;
      if (outcome.mismatches.size() >= limits::kCheckMismatchesNamed) return;
      outcome.mismatches.push_back({.key = nlohmann::json{{"row_hash", hex(hash)}, {"rows", rows}}.dump(),
                                    .kind = kind,
                                    .columns = std::move(columns)});
    };
    report("different", content.tampered.size(), differing[hash]);
    report("different", content.impossible.size(), {std::string(kVersionColumn)});
    // A row of an impossible version may be one of those that are missing otherwise.
    const std::uint64_t accounted = content.tampered.size() + content.impossible.size();
    const std::uint64_t expected = content.in_source - std::min<std::uint64_t>(content.in_source, accounted);
    const std::uint64_t most = content.in_source - std::min<std::uint64_t>(content.in_source, content.tampered.size());
    if (untouched < expected) report("missing", expected - untouched, {});
    if (untouched > most) report("extra", untouched - most, {});
    outcome.target_rows += content.in_target;
    outcome.target_rows -= std::min(outcome.target_rows, content.in_source);
  }
}

}  // namespace echodb
