#include "verify/bag_comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <numeric>

#include "config/limits.h"
#include "verify/rows_parser.h"
#include "verify/table_comparison.h"

namespace echodb {
namespace {

/// Rows whose identities are held at once, about a hundred bytes each.
constexpr std::uint64_t kPartRowsMax = 2'000'000;
constexpr int kPassesMax = 6;
constexpr std::chrono::milliseconds kPauseFirst{250};

struct SourceRow {
  RowHash hash;
  std::uint64_t digest;

  auto operator<=>(const SourceRow&) const = default;
};

/// A row or a tombstone as it was inserted.
struct TargetRow {
  BagIdentity identity;
  std::uint64_t version;
  std::uint64_t change;
  std::uint64_t digest;
  bool deleted;

  auto operator<=>(const TargetRow&) const = default;
};

std::string hex(const RowHash& hash) {
  std::string text;
  for (std::byte byte : std::as_bytes(std::span(&hash, 1)))
    text += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
  return text;
}

/// What became of one identity.
struct Life {
  bool born = false;  ///< its row is there
  std::uint64_t digest = 0;
  std::uint64_t died = 0;    ///< the tombstone's version; 0: none
  std::uint64_t newest = 0;  ///< version
};

}  // namespace

bool BagComparison::Content::differs_like(const Content& other) const {
  return in_source - in_target == other.in_source - other.in_target && tampered == other.tampered &&
         impossible == other.impossible;
}

struct BagComparison::Pass {
  SourceMoment moment;  ///< of the last part
  Lsn log_end;
  Contents differing;
  std::uint64_t source_rows = 0;
  std::uint64_t target_rows = 0;
  std::vector<SourceRow> source;
  std::vector<TargetRow> target;
};

BagComparison::Outcome BagComparison::run() {
  certain_.clear();
  Pass first;
  compare(first);
  for (int number = 1; number < kPassesMax && !first.differing.empty(); ++number) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    stopped.wait_for(lock, tools_.stop, kPauseFirst * number, [] { return false; });
    Pass second;
    compare(second);
    const bool all_ended = std::ranges::none_of(first.moment.in_progress, [&](std::uint64_t transaction) {
      return std::ranges::find(second.moment.in_progress, transaction) != second.moment.in_progress.end();
    });
    const bool same = std::ranges::all_of(second.differing, [&](const auto& entry) {
      auto found = first.differing.find(entry.first);
      return found != first.differing.end() && found->second.differs_like(entry.second);
    });
    const bool last = number + 1 == kPassesMax && !tools_.position.commits_wait_for_standbys();
    first = std::move(second);
    if (same && (all_ended || last)) {
      certain_ = first.differing;
      break;
    }
  }
  Outcome outcome{.source_rows = first.source_rows,
                  .target_rows = first.target_rows,
                  .mismatches = {},
                  .position = first.moment.before};
  if (certain_.empty()) {
    outcome.undecided = first.differing.size();
    return outcome;
  }
  describe(outcome);
  return outcome;
}

std::string BagComparison::literal(const RowHash& hash) { return fmt::format("unhex('{}')", hex(hash)); }

BagComparison::DifferingColumns BagComparison::differing_columns() {
  const CheckedTable& table = tools_.table;
  std::map<RowHash, std::vector<std::uint64_t>> wanted;
  std::string hashes;
  for (const auto& [hash, content] : certain_) {
    if (content.tampered.empty() || wanted.size() >= limits::kCheckMismatchesNamed) continue;
    wanted.try_emplace(hash);
    hashes += (hashes.empty() ? "" : ", ") + literal(hash);
  }
  DifferingColumns differing;
  if (wanted.empty()) return differing;
  tools_.source.begin(std::chrono::milliseconds(0));
  std::vector<ValueDigest> digests;
  for (const PlannedColumn& column : table.plan->columns()) digests.emplace_back(column.type);
  for (const CopyRange& range : tools_.source.ranges()) {
    tools_.source.read_blocks(range, [&](TableBatch& batch) {
      for (std::size_t row = 0; row < batch.rows(); ++row) {
        auto found = wanted.find(batch.identity(row).hash);
        if (found == wanted.end() || !found->second.empty()) continue;
        for (std::size_t column = 0; column < digests.size(); ++column) {
          found->second.push_back(digests[column].of(batch.column(column), row));
        }
      }
    });
  }
  tools_.source.commit();
  std::vector<std::size_t> columns(table.plan->columns().size());
  std::iota(columns.begin(), columns.end(), 0);
  std::string list;
  std::vector<ValueDigest> target_digests;
  for (std::size_t column : columns) {
    list += table.quoted(column) + ", ";
    target_digests.emplace_back(table.target_types[column]);
  }
  const TargetReader::OnRows on_rows = [&](TargetRows& piece) {
    RowBinaryReader extra(as_bytes(piece.extra));
    for (std::size_t row = 0; row < piece.rows(); ++row) {
      const auto hash = extra.read<RowHash>();
      const std::vector<std::uint64_t>& expected = wanted[hash];
      for (std::size_t column = 0; column < expected.size(); ++column) {
        const std::string& name = table.plan->columns()[column].source_name;
        std::vector<std::string>& names = differing[hash];
        if (target_digests[column].of(*piece.columns[column], row) != expected[column] &&
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
    const std::uint64_t expected =
        content.in_source - std::min<std::uint64_t>(content.in_source, content.tampered.size());
    if (untouched < expected) report("missing", expected - untouched, {});
    if (untouched > expected && content.impossible.empty()) report("extra", untouched - expected, {});
  }
}

void BagComparison::compare(Pass& pass) {
  const std::uint64_t estimate = std::max(tools_.source.size().rows, tools_.target.count({}));
  const std::uint64_t parts = estimate / kPartRowsMax + 1;
  for (std::uint64_t part = 0; part < parts; ++part) {
    pass.source.clear();
    pass.target.clear();
    read_source(pass, part, parts);
    tools_.position.await_applied(pass.moment.after);
    read_target(pass, part, parts);
    match(pass);
  }
}

void BagComparison::read_source(Pass& pass, std::uint64_t part, std::uint64_t parts) {
  BatchDigests digests(*tools_.table.plan);
  Pace pace(tools_.settings.check_rows_per_second);
  pass.moment = tools_.source.begin(std::chrono::milliseconds(0));
  std::uint64_t read = 0;
  for (const CopyRange& range : tools_.source.ranges()) {
    tools_.source.read_blocks(range, [&](TableBatch& batch) {
      for (std::size_t row = 0; row < batch.rows(); ++row) {
        const RowHash hash = batch.identity(row).hash;
        if (hash.high % parts == part) pass.source.push_back({.hash = hash, .digest = digests.row(batch, row)});
      }
      read += batch.rows();
      if (tools_.on_progress) tools_.on_progress(read, 0);
      pace.read(batch.rows(), tools_.stop);
    });
  }
  tools_.source.commit();
  pass.source_rows += pass.source.size();
  std::ranges::sort(pass.source);
}

void BagComparison::read_target(Pass& pass, std::uint64_t part, std::uint64_t parts) {
  const CheckedTable& table = tools_.table;
  std::vector<std::size_t> columns;
  std::vector<ValueDigest> digests;
  std::string list;
  if (!table.in_place) {
    columns.resize(table.plan->columns().size());
    std::iota(columns.begin(), columns.end(), 0);
    for (std::size_t column : columns) {
      digests.emplace_back(table.target_types[column]);
      list += table.quoted(column) + ", ";
    }
  } else {
    list = table.row_digest() + ", ";
  }
  list += fmt::format("{}, {}, {}, {}, {}, {}", kVersionColumn, kRowHashColumn, kLsnColumn, kOrdinalColumn,
                      kChangeColumn, kIsDeletedColumn);
  constexpr std::size_t kExtraBytes = sizeof(RowHash) + 3 * sizeof(std::uint64_t) + 1;
  const TargetReader::OnRows on_rows = [&](TargetRows& piece) {
    RowBinaryReader extra(as_bytes(piece.extra));
    for (std::size_t row = 0; row < piece.rows(); ++row) {
      TargetRow one{};
      one.version = piece.versions[row];
      one.identity.hash = extra.read<RowHash>();
      one.identity.lsn = extra.read<std::uint64_t>();
      one.identity.ordinal = extra.read<std::uint64_t>();
      one.change = extra.read<std::uint64_t>();
      one.deleted = extra.read<std::uint8_t>() != 0;
      if (one.identity.hash.high % parts != part) continue;
      DigestFold fold;
      for (std::size_t column = 0; column < digests.size(); ++column) {
        fold.add(digests[column].of(*piece.columns[column], row));
      }
      one.digest = table.in_place ? piece.digests[row] : fold.value();
      pass.target.push_back(one);
    }
  };
  RowsParser parser(table, columns, {.digests = table.in_place, .extra_bytes = kExtraBytes}, on_rows);
  tools_.target.read_raw(list, {}, [&](Bytes bytes) { parser.consume(bytes); });
  parser.finish();
  pass.log_end = tools_.position.log_end();
  std::ranges::sort(pass.target);
}

/// Walks both sides in the order of their hashes.
void BagComparison::match(Pass& pass) {
  auto source = pass.source.begin();
  auto target = pass.target.begin();
  while (source != pass.source.end() || target != pass.target.end()) {
    const bool from_source =
        target == pass.target.end() || (source != pass.source.end() && source->hash <= target->identity.hash);
    const RowHash hash = from_source ? source->hash : target->identity.hash;
    Content content;
    for (; source != pass.source.end() && source->hash == hash; ++source) {
      ++content.in_source;
      content.digest = source->digest;
    }
    while (target != pass.target.end() && target->identity.hash == hash) {
      const BagIdentity identity = target->identity;
      Life life;
      for (; target != pass.target.end() && target->identity == identity; ++target) {
        life.newest = target->version;
        if (target->deleted) {
          life.died = life.died == 0 ? target->version : std::min(life.died, target->version);
        } else {
          life.born = true;
          life.digest = target->digest;
        }
      }
      if (identity.lsn >= pass.log_end.value || life.newest >= pass.log_end.value) {
        content.impossible.push_back(identity);
        continue;
      }
      const bool was_live =
          identity.lsn < pass.moment.after.value && (life.died == 0 || life.died >= pass.moment.after.value);
      if (!was_live) continue;
      ++content.in_target;
      if (life.died != 0) continue;
      content.live.push_back(identity);
      if (content.in_source > 0 && life.born && life.digest != content.digest) content.tampered.push_back(identity);
    }
    pass.target_rows += content.in_target;
    if (!content.equal()) pass.differing.emplace(hash, std::move(content));
  }
}

}  // namespace echodb
