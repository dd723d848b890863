#include "verify/repair.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <thread>

#include "config/limits.h"
#include "replication/lane_tasks.h"

namespace echodb {
namespace {

constexpr int kMutationsSyncSinceMajor = 20;
constexpr std::chrono::milliseconds kLookAgainAfter{50};

/// Runs ALTER … DELETE and returns when it is done.
void delete_rows(TargetReader& target, const CheckedTable& table, const std::string& condition) {
  ClickHouseClient::Parameters parameters = target.parameters(condition.size());
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

/// Rows by key, of which some are to be written with a version of their own.
class RowRepair {
 public:
  RowRepair(const CheckEnvironment& environment, const CheckedTable& table, KeyRows& keys, const std::stop_token& stop)
      : table_(table),
        keys_(keys),
        rendering_(environment.settings.postgres, ConnectionKind::Ordinary, stop),
        reader_(environment.settings, table, stop),
        target_(environment.settings.clickhouse, table, stop),
        tools_{.clickhouse = ClickHouseClient(environment.settings.clickhouse, stop),
               .source = [this]() -> PostgresConnection& { return rendering_; }} {
    positions_.resize(table.plan->columns().size());
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
    const std::map<std::uint64_t, std::uint64_t> now = target_.versions(keys_, rows);
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
    reader_.begin(limits::kStatementTimeout);
    reader_.read_keys_raw(keys_, in_source, [&](std::span<const TupleValue> row) { add(batch, row); });
    reader_.commit();
    done_.written += batch.rows();
    for (const auto& [digest, wanted] : wanted_) {
      add_tombstone(batch, wanted);
      ++done_.tombstones;
    }
    complete_batch(batch, {.table = table_.target, .server = table_.server}, tools_);
    send_batch(tools_.clickhouse, batch, table_.target, table_.server);
  }

  void add(TableBatch& batch, std::span<const TupleValue> row) {
    // Which of the keys it is only the row itself can tell, once it is decoded.
    TableBatch one(table_.plan);
    one.add_copied_row(row, {.place = 0, .texts = reader_.texts()});
    render_source_texts(one, tools_);
    KeyRows key(table_.plan);
    std::vector<const ColumnBuilder*> columns;
    for (std::size_t column : table_.plan->key()) columns.push_back(&one.column(column));
    key.add(columns, 0);
    auto found = wanted_.find(key.digest(0));
    if (found == wanted_.end()) return;
    std::vector<TupleValue> values(row.begin(), row.end());
    for (std::size_t column = 0; column < values.size(); ++column) {
      const bool is_text = comes_as_text(table_.plan->columns()[column], reader_.texts());
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

  const CheckedTable& table_;
  KeyRows& keys_;
  PostgresConnection rendering_;
  SourceReader reader_;
  TargetReader target_;
  WriterTools tools_;
  std::vector<std::size_t> positions_;
  std::map<std::uint64_t, Wanted> wanted_;  ///< by the key's digest: not written yet
  Done done_;
};

void remove_impossible(const CheckEnvironment& environment, const CheckedTable& table, KeyRows& keys,
                       std::span<const std::size_t> rows, std::vector<std::string>& words,
                       const std::stop_token& stop) {
  if (rows.empty()) return;
  TargetReader target(environment.settings.clickhouse, table, stop);
  PostgresConnection source(environment.settings.postgres, ConnectionKind::Ordinary, stop);
  const Lsn log_end = parse_lsn(source.query("SELECT pg_current_wal_insert_lsn()").text(0, 0));
  for (std::size_t from = 0; from < rows.size(); from += limits::kCheckLookKeys) {
    const auto some = rows.subspan(from, std::min(limits::kCheckLookKeys, rows.size() - from));
    delete_rows(target, table,
                fmt::format("{} >= {} AND {}", kVersionColumn, log_end.value, target.key_condition(keys, some)));
  }
  words.push_back(
      fmt::format("{} keys: removed rows whose version is beyond the end of the source's log", rows.size()));
}

}  // namespace

KeyRows repair_rows(const CheckEnvironment& environment, const CheckedTable& table, Settlement& settlement,
                    const Settlement::Outcome& outcome, std::vector<std::string>& words, const std::stop_token& stop) {
  KeyRows& keys = settlement.keys();
  KeyRows repaired(table.plan);
  std::vector<std::size_t> impossible;
  std::vector<const Mismatch*> wrong;
  for (const Mismatch& mismatch : outcome.mismatches) {
    repaired.add(keys, mismatch.key);
    if (mismatch.impossible_version) {
      impossible.push_back(mismatch.key);
    } else {
      wrong.push_back(&mismatch);
    }
  }
  remove_impossible(environment, table, keys, impossible, words, stop);
  RowRepair repair(environment, table, keys, stop);
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
  BagRepair(const CheckEnvironment& environment, const CheckedTable& table, BagComparison& comparison,
            const std::stop_token& stop)
      : table_(table),
        comparison_(comparison),
        rendering_(environment.settings.postgres, ConnectionKind::Ordinary, stop),
        reader_(environment.settings, table, stop),
        target_(environment.settings.clickhouse, table, stop),
        tools_{.clickhouse = ClickHouseClient(environment.settings.clickhouse, stop),
               .source = [this]() -> PostgresConnection& { return rendering_; }},
        ordinal_(static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count())) {}

  void run(std::vector<std::string>& words) {
    position_ = Lsn{reader_.position().value - 1};
    std::vector<BagIdentity> to_remove;
    bool impossible = false;
    for (const auto& [hash, content] : comparison_.differing()) {
      impossible = impossible || !content.impossible.empty();
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
    if (impossible) {
      remove_impossible();
      words.emplace_back("removed rows whose version is beyond the end of the source's log");
    }
    if (!to_remove.empty()) {
      remove(to_remove);
      words.push_back(fmt::format("{} rows: removed, the source does not have them so", to_remove.size()));
    }
    if (!missing_.empty()) words.push_back(fmt::format("{} rows: read from the source again and written", insert()));
  }

 private:
  void remove_impossible() {
    const Lsn log_end = reader_.position();
    delete_rows(target_, table_, fmt::format("{0} >= {2} OR {1} >= {2}", kVersionColumn, kLsnColumn, log_end.value));
  }

  void remove(std::span<const BagIdentity> identities) {
    for (std::size_t from = 0; from < identities.size(); from += limits::kCheckLookKeys) {
      std::string values;
      for (const BagIdentity& identity :
           identities.subspan(from, std::min(limits::kCheckLookKeys, identities.size() - from))) {
        values += fmt::format("{}({}, {}, {}, 0, 1, {})", values.empty() ? "" : ", ",
                              BagComparison::literal(identity.hash), identity.lsn, identity.ordinal, position_.value);
      }
      target_.client().query(
          fmt::format("INSERT INTO {} ({}, {}, {}, {}, {}, {}) VALUES {}", qualified(table_.target), kRowHashColumn,
                      kLsnColumn, kOrdinalColumn, kChangeColumn, kIsDeletedColumn, kVersionColumn, values),
          {{"max_query_size", std::to_string(values.size() + (1 << 20))}});
    }
  }

  std::uint64_t insert() {
    std::uint64_t inserted = 0;
    reader_.begin(std::chrono::milliseconds(0));
    for (const CopyRange& range : reader_.ranges()) {
      reader_.read_blocks(range, [&](TableBatch& batch) { inserted += insert_from(batch); });
    }
    reader_.commit();
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
    send_batch(tools_.clickhouse, batch, table_.target, table_.server);
    return kept;
  }

  const CheckedTable& table_;
  BagComparison& comparison_;
  PostgresConnection rendering_;
  SourceReader reader_;
  TargetReader target_;
  WriterTools tools_;
  std::uint64_t ordinal_;  ///< beyond that of any change of a transaction, and of any row's place in a heap
  Lsn position_;           ///< above every change that the target has, below every later commit
  std::map<RowHash, std::uint64_t> missing_;
};

}  // namespace

void repair_bag(const CheckEnvironment& environment, const CheckedTable& table, BagComparison& comparison,
                std::vector<std::string>& words, const std::stop_token& stop) {
  BagRepair(environment, table, comparison, stop).run(words);
}

}  // namespace echodb
