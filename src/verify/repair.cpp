#include "verify/repair.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <thread>

#include "config/limits.h"
#include "replication/lane_tasks.h"
#include "verify/bag_rows.h"
#include "verify/heap_walk.h"

namespace echodb {
namespace {

constexpr int kMutationsSyncSinceMajor = 20;
constexpr std::chrono::milliseconds kLookAgainAfter{50};

/// Runs ALTER … DELETE and returns when it is done.
void delete_rows(TargetReader& target, const CheckedTable& table, const std::string& condition) {
  TargetClient::Parameters parameters = target.parameters(condition.size());
  const bool can_wait = table.server.at_least(kMutationsSyncSinceMajor, 0);
  if (can_wait) parameters["mutations_sync"] = "2";
  target.client().query(fmt::format("ALTER TABLE {} DELETE WHERE {}", qualified(table.target), condition), parameters);
  const std::string left =
      fmt::format("SELECT count() FROM system.mutations WHERE database = {} AND table = {} AND NOT is_done",
                  quote_literal(table.target.database), quote_literal(table.target.name));
  const auto until = std::chrono::steady_clock::now() + limits::kCheckQueryTimeout;
  while (!can_wait && target.client().query(left) != "0\n") {
    if (std::chrono::steady_clock::now() > until) {
      throw Error(ErrorCode::TargetOverloaded, "ClickHouse does not finish removing rows");
    }
    std::this_thread::sleep_for(kLookAgainAfter);
  }
}

/// What a repair reads and writes with.
struct RepairTools {
  RepairTools(const CheckEnvironment& environment, const CheckedTable& checked, const std::stop_token& stop)
      : table(checked),
        own(environment.settings, stop),
        reader(own.source, environment.settings, checked, stop),
        target(own.target, checked),
        connections(connect_writer(environment.settings.clickhouse, environment.settings.postgres, stop)),
        writer(connections.tools()) {}
  RepairTools(const RepairTools&) = delete;
  RepairTools& operator=(const RepairTools&) = delete;

  void send(const TableBatch& batch) { send_batch(writer.clickhouse, batch, table.target, table.server); }

  const CheckedTable& table;
  CheckConnections own;
  SourceReader reader;
  TargetReader target;
  WriterConnections connections;
  WriterTools writer;
};

/// Rows by key, of which some are to be written with a version of their own.
class RowRepair {
 public:
  RowRepair(RepairTools& tools, KeyRows& keys) : tools_(tools), table_(tools.table), keys_(keys) {
    positions_.resize(table_.plan->columns().size());
    std::iota(positions_.begin(), positions_.end(), 0);
  }

  struct Done {
    std::uint64_t written = 0;
    std::uint64_t tombstones = 0;
    std::uint64_t changed_since = 0;
  };

  Done run(std::span<const Mismatch* const> mismatches) {
    std::vector<std::size_t> rows;
    for (const Mismatch* mismatch : mismatches) rows.push_back(mismatch->key);
    const std::map<std::uint64_t, std::uint64_t> now = tools_.target.versions(keys_, rows);
    std::vector<std::size_t> in_source;
    wanted_.clear();
    for (const Mismatch* mismatch : mismatches) {
      const std::uint64_t digest = keys_.digest(mismatch->key);
      auto found = now.find(digest);
      if ((found == now.end() ? 0 : found->second) != mismatch->version) {
        ++done_.changed_since;
        continue;
      }
      // An extra row's key, if the source has it by now, came with a later commit.
      if (mismatch->kind != MismatchKind::Extra) in_source.push_back(mismatch->key);
      wanted_[digest] = {.row = mismatch->key, .version = mismatch->version + 1};
    }
    if (!wanted_.empty()) write(in_source);
    return std::exchange(done_, {});
  }

 private:
  struct Wanted {
    std::size_t row;
    std::uint64_t version;
  };

  void write(std::span<const std::size_t> in_source) {
    TableBatch batch(table_.plan);
    tools_.reader.begin(limits::kStatementTimeout);
    tools_.reader.read_keys_raw(keys_, in_source, [&](std::span<const TupleValue> row) { add(batch, row); });
    tools_.reader.commit();
    done_.written += batch.rows();
    for (const auto& [digest, wanted] : wanted_) {
      add_tombstone(batch, wanted);
      ++done_.tombstones;
    }
    complete_batch(batch, {.table = table_.target, .server = table_.server}, tools_.writer);
    tools_.send(batch);
  }

  void add(TableBatch& batch, std::span<const TupleValue> row) {
    // Which of the keys it is only the row itself can tell, once it is decoded.
    TableBatch one(table_.plan);
    one.add_copied_row(row, {.place = 0, .texts = tools_.reader.texts()});
    render_source_texts(one, tools_.writer);
    KeyRows key(table_.plan);
    std::vector<const ColumnBuilder*> columns;
    for (std::size_t column : table_.plan->key()) columns.push_back(&one.column(column));
    key.add(columns, 0);
    auto found = wanted_.find(key.digest(0));
    if (found == wanted_.end()) return;
    std::vector<TupleValue> values(row.begin(), row.end());
    for (std::size_t column = 0; column < values.size(); ++column) {
      const bool is_text = tools_.reader.texts()[column];
      if (is_text && values[column].kind == TupleValue::Kind::Binary) values[column].kind = TupleValue::Kind::Text;
    }
    batch.add_inserted_row(values, positions_, {.commit = Lsn{found->second.version}, .ordinal = 0});
    wanted_.erase(found);
  }

  void add_tombstone(TableBatch& batch, const Wanted& wanted) {
    std::vector<std::string> texts(keys_.parts());
    std::vector<TupleValue> values(positions_.size(), TupleValue{TupleValue::Kind::Null, {}});
    for (std::size_t part = 0; part < keys_.parts(); ++part) {
      texts[part] = keys_.text(wanted.row, part);
      values[table_.plan->key()[part]] = {TupleValue::Kind::Text, as_bytes(texts[part])};
    }
    batch.add_tombstone(values, positions_, {.commit = Lsn{wanted.version}, .ordinal = 0});
  }

  RepairTools& tools_;
  const CheckedTable& table_;
  KeyRows& keys_;
  std::vector<std::size_t> positions_;
  std::map<std::uint64_t, Wanted> wanted_;  ///< by the key's digest: not written yet
  Done done_;
};

/// What no change can have reached while a table is checked and repaired, in bytes of log.
constexpr std::uint64_t kOutOfReach = 1ULL << 40;

/// Holds for these versions, and for any that is far beyond the log's end. Not for all beyond its end: the log grows
/// while they are removed, and what it brings must stay.
std::string impossible_condition(std::string_view column, Lsn log_end, std::span<const std::uint64_t> versions) {
  return fmt::format("({0} >= {1} OR {0} IN ({2}))", column, log_end.value + kOutOfReach, fmt::join(versions, ", "));
}

void remove_impossible(RepairTools& tools, KeyRows& keys, std::span<const Mismatch* const> mismatches) {
  const Lsn log_end = tools.reader.position();
  for (std::size_t from = 0; from < mismatches.size(); from += limits::kCheckLookKeys) {
    std::vector<std::size_t> rows;
    std::vector<std::uint64_t> versions;
    for (const Mismatch* mismatch :
         mismatches.subspan(from, std::min(limits::kCheckLookKeys, mismatches.size() - from))) {
      rows.push_back(mismatch->key);
      versions.push_back(mismatch->version);
    }
    delete_rows(tools.target, tools.table,
                fmt::format("{} AND {}", impossible_condition(kVersionColumn, log_end, versions),
                            tools.target.key_condition(keys, rows)));
  }
}

}  // namespace

KeyRows repair_rows(const CheckEnvironment& environment, const CheckedTable& table, Settlement& settlement,
                    const Settlement::Outcome& outcome, std::vector<std::string>& words, const std::stop_token& stop) {
  KeyRows& keys = settlement.keys();
  KeyRows repaired(table.plan);
  std::vector<const Mismatch*> impossible;
  std::vector<const Mismatch*> wrong;
  for (const Mismatch& mismatch : outcome.mismatches) {
    repaired.add(keys, mismatch.key);
    (mismatch.impossible_version ? impossible : wrong).push_back(&mismatch);
  }
  RepairTools tools(environment, table, stop);
  if (!impossible.empty()) {
    remove_impossible(tools, keys, impossible);
    words.push_back(
        fmt::format("{} keys: removed rows whose version is beyond the end of the source's log", impossible.size()));
  }
  RowRepair repair(tools, keys);
  RowRepair::Done all;
  for (std::size_t from = 0; from < wrong.size(); from += limits::kCheckLookKeys) {
    const auto some = std::span(wrong).subspan(from, std::min(limits::kCheckLookKeys, wrong.size() - from));
    const RowRepair::Done done = repair.run(some);
    all.written += done.written;
    all.tombstones += done.tombstones;
    all.changed_since += done.changed_since;
  }
  if (all.written > 0) words.push_back(fmt::format("{} rows: read from the source again and written", all.written));
  if (all.tombstones > 0)
    words.push_back(fmt::format("{} rows: removed, the source does not have them", all.tombstones));
  if (all.changed_since > 0)
    words.push_back(fmt::format("{} rows: left to the stream, they changed since", all.changed_since));
  return repaired;
}

namespace {

/// Tombstones for what is too much, rows of the source for what is missing.
class BagRepair {
 public:
  BagRepair(RepairTools& tools, const BagComparison& comparison, HeapWalk walk)
      : tools_(tools),
        table_(tools.table),
        comparison_(comparison),
        walk_(std::move(walk)),
        ordinal_(static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count())) {}

  void run(std::vector<std::string>& words) {
    position_ = Lsn{tools_.reader.position().value - 1};
    std::vector<BagIdentity> impossible;
    std::vector<std::uint64_t> versions;
    std::vector<BagIdentity> to_remove;
    for (const auto& [hash, content] : comparison_.differing()) {
      if (content.impossible.empty()) {
        choose(hash, content, to_remove);
        continue;
      }
      // What else is wrong with it shows in the next round, without those.
      impossible.insert(impossible.end(), content.impossible.begin(), content.impossible.end());
      versions.insert(versions.end(), content.impossible_versions.begin(), content.impossible_versions.end());
    }
    if (!impossible.empty()) {
      remove_impossible(impossible, versions);
      words.push_back(
          fmt::format("removed {} rows whose version is beyond the end of the source's log", impossible.size()));
    }
    if (!to_remove.empty()) {
      remove(to_remove);
      words.push_back(fmt::format("{} rows: removed, the source does not have them so", to_remove.size()));
    }
    if (!missing_.empty()) words.push_back(fmt::format("{} rows: read from the source again and written", insert()));
  }

 private:
  void choose(const RowHash& hash, const BagComparison::Content& content, std::vector<BagIdentity>& to_remove) {
    to_remove.insert(to_remove.end(), content.tampered.begin(), content.tampered.end());
    std::uint64_t right = content.in_target - content.tampered.size();
    // The youngest go first: the stream deletes the oldest.
    for (auto identity = content.live.rbegin(); right > content.in_source && identity != content.live.rend();
         ++identity) {
      if (std::ranges::find(content.tampered, *identity) != content.tampered.end()) continue;
      to_remove.push_back(*identity);
      --right;
    }
    if (right < content.in_source) missing_[hash] = content.in_source - right;
  }

  void remove_impossible(std::span<const BagIdentity> identities, std::span<const std::uint64_t> versions) {
    const Lsn log_end = tools_.reader.position();
    const std::string impossible = fmt::format("({} OR {})", impossible_condition(kVersionColumn, log_end, versions),
                                               impossible_condition(kLsnColumn, log_end, versions));
    for (std::size_t from = 0; from < identities.size(); from += limits::kCheckLookKeys) {
      std::string list;
      for (const BagIdentity& identity :
           identities.subspan(from, std::min(limits::kCheckLookKeys, identities.size() - from))) {
        list += (list.empty() ? "" : ", ") + hash_literal(identity.hash);
      }
      delete_rows(tools_.target, table_, fmt::format("{} IN ({}) AND {}", kRowHashColumn, list, impossible));
    }
  }

  void remove(std::span<const BagIdentity> identities) {
    for (std::size_t from = 0; from < identities.size(); from += limits::kCheckLookKeys) {
      std::string values;
      for (const BagIdentity& identity :
           identities.subspan(from, std::min(limits::kCheckLookKeys, identities.size() - from))) {
        values += fmt::format("{}({}, {}, {}, 0, 1, {})", values.empty() ? "" : ", ", hash_literal(identity.hash),
                              identity.lsn, identity.ordinal, position_.value);
      }
      tools_.target.client().query(
          fmt::format("INSERT INTO {} ({}, {}, {}, {}, {}, {}) VALUES {}", qualified(table_.target), kRowHashColumn,
                      kLsnColumn, kOrdinalColumn, kChangeColumn, kIsDeletedColumn, kVersionColumn, values),
          {{"max_query_size", std::to_string(values.size() + (1 << 20))}});
    }
  }

  std::uint64_t insert() {
    std::uint64_t inserted = 0;
    walk_.run({.on_start = [] {}, .on_batch = [&](TableBatch& batch) { inserted += insert_from(batch); }});
    return inserted;
  }

  /// A content that is missing k times is in the source at least so often: its first k rows are taken.
  std::uint64_t insert_from(TableBatch& batch) {
    std::vector<bool> keep(batch.rows());
    std::uint64_t kept = 0;
    for (std::size_t row = 0; row < batch.rows(); ++row) {
      BagIdentity identity = batch.identity(row);
      auto found = missing_.find(identity.hash);
      if (found == missing_.end()) continue;
      keep[row] = true;
      ++kept;
      identity.lsn = position_.value;
      identity.ordinal = ordinal_++;
      batch.set_identity(row, identity);
      if (--found->second == 0) missing_.erase(found);
    }
    if (kept == 0) return 0;
    batch.keep_rows(keep);
    tools_.send(batch);
    return kept;
  }

  RepairTools& tools_;
  const CheckedTable& table_;
  const BagComparison& comparison_;
  HeapWalk walk_;
  std::uint64_t ordinal_;  ///< beyond that of any change of a transaction, and of any row's place in a heap
  Lsn position_;           ///< above every change that the target has, below every later commit
  std::map<RowHash, std::uint64_t> missing_;
};

}  // namespace

void repair_bag(const CheckEnvironment& environment, const CheckedTable& table, const BagComparison& comparison,
                std::vector<std::string>& words, const std::stop_token& stop) {
  RepairTools tools(environment, table, stop);
  BagRepair(tools, comparison, HeapWalk(tools.reader, environment.settings.check_rows_per_second, stop)).run(words);
}

}  // namespace echodb
