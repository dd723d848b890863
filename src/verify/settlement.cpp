#include "verify/settlement.h"

#include <algorithm>
#include <numeric>

#include "base/pause.h"
#include "config/limits.h"

namespace echodb {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kPauseFirst{50};
constexpr std::chrono::milliseconds kPauseMax{2000};
/// Longer than a commit takes between the log and the moment when others see it, unless it waits for a standby.
constexpr std::chrono::seconds kCommitVisibleWithin{3};

std::vector<std::size_t> all_columns(const CheckedTable& table) {
  std::vector<std::size_t> columns(table.plan->columns().size());
  std::iota(columns.begin(), columns.end(), 0);
  return columns;
}

template <typename Map>
const typename Map::mapped_type* find(const Map& map, const typename Map::key_type& key) {
  auto found = map.find(key);
  return found == map.end() ? nullptr : &found->second;
}

}  // namespace

struct Settlement::Look {
  SourceMoment moment;
  Rows source;
  Rows target;
  std::map<std::uint64_t, std::uint64_t> versions;  ///< of keys without a live row
  Lsn log_end;                                      ///< after the target was read
  bool standbys = false;
};

Settlement::Settlement(const CheckedTable& table, SourceReader& source, TargetReader& target, StreamPosition& position,
                       std::stop_token stop)
    : table_(table), source_(source), target_(target), position_(position), stop_(std::move(stop)), keys_(table.plan) {}

bool Settlement::add(const KeyRows& keys, std::size_t row) {
  const std::size_t added = keys_.rows();
  keys_.add(keys, row);
  const bool is_new = known_.try_emplace(keys_.digest(added), added).second;
  if (!is_new) keys_.truncate(added);
  if (keys_.rows() <= limits::kCheckCandidatesMax) return true;
  known_.erase(keys_.digest(added));
  keys_.truncate(added);
  return false;
}

void Settlement::clear() {
  keys_.clear();
  known_.clear();
  suspicions_.clear();
}

Settlement::Outcome Settlement::run() {
  Outcome outcome;
  std::vector<std::size_t> open;
  for (const auto& [digest, row] : known_) open.push_back(row);
  std::ranges::sort(open);
  for (int round = 0; round < limits::kCheckLooksMax && !open.empty(); ++round) {
    if (round > 0) pause(round);
    std::vector<std::size_t> left;
    for (std::size_t from = 0; from < open.size(); from += limits::kCheckLookKeys) {
      look(std::span(open).subspan(from, std::min(limits::kCheckLookKeys, open.size() - from)), outcome, left);
    }
    open = std::move(left);
  }
  outcome.undecided = std::move(open);
  return outcome;
}

void Settlement::pause(int round) const {
  echodb::pause(std::min(kPauseFirst * (1 << std::min(round - 1, 10)), kPauseMax), stop_);
  if (stop_.stop_requested()) throw Error(ErrorCode::Stopped, "the check was stopped");
}

void Settlement::look(std::span<const std::size_t> rows, Outcome& outcome, std::vector<std::size_t>& left) {
  Look look;
  try {
    look_at_source(rows, look);
  } catch (const Error& error) {
    // Class 22 is a fault of a value: a key that the source's types cannot hold, so it has no such row.
    if (!error.sqlstate().starts_with("22")) throw;
    source_.rollback();
    if (rows.size() > 1) {
      const std::size_t half = rows.size() / 2;
      this->look(rows.first(half), outcome, left);
      return this->look(rows.subspan(half), outcome, left);
    }
    if (source_.can_hold(keys_, rows.front())) throw;
    look.moment = source_.begin(limits::kStatementTimeout);
    source_.commit();
  }
  look_at_target(rows, look);
  outcome.position = look.moment.before;
  for (std::size_t row : rows) {
    if (!judge(row, look, outcome)) left.push_back(row);
  }
}

void Settlement::look_at_source(std::span<const std::size_t> rows, Look& look) {
  look.moment = source_.begin(limits::kStatementTimeout);
  look.source = source_rows(rows);
  source_.commit();
}

void Settlement::look_at_target(std::span<const std::size_t> rows, Look& look) {
  position_.await_applied(look.moment.after);
  look.target = target_rows(rows);
  std::vector<std::size_t> without_row;
  for (std::size_t row : rows) {
    if (!look.target.contains(keys_.digest(row))) without_row.push_back(row);
  }
  look.versions = target_.versions(keys_, without_row);
  look.log_end = position_.log_end();
  look.standbys = position_.commits_wait_for_standbys();
}

/// Whether the row is decided.
bool Settlement::judge(std::size_t key, const Look& look, Outcome& outcome) {
  const std::uint64_t digest = keys_.digest(key);
  const Row* source = find(look.source, digest);
  const Row* target = find(look.target, digest);
  const std::uint64_t* tombstone = find(look.versions, digest);
  const std::uint64_t version = target != nullptr ? target->version : tombstone != nullptr ? *tombstone : 0;
  Mismatch mismatch = describe(key, source, target);
  mismatch.version = version;
  mismatch.impossible_version = version >= look.log_end.value;
  if (mismatch.impossible_version) {
    if (mismatch.columns.empty() && (source != nullptr) == (target != nullptr)) {
      mismatch.columns.emplace_back(kVersionColumn);
    }
    outcome.mismatches.push_back(std::move(mismatch));
    return true;
  }
  const bool equal = (source == nullptr) == (target == nullptr) && mismatch.columns.empty();
  if (equal) return true;
  if (version >= look.moment.before.value) {
    suspicions_.erase(key);
    return false;
  }
  if (!certain(key, version, look)) return false;
  outcome.mismatches.push_back(std::move(mismatch));
  return true;
}

bool Settlement::certain(std::size_t key, std::uint64_t version, const Look& look) {
  auto [found, fresh] = suspicions_.try_emplace(key);
  Suspicion& suspicion = found->second;
  if (fresh || suspicion.version != version) {
    suspicion = {.version = version, .in_progress = look.moment.in_progress, .since = Clock::now()};
    return false;
  }
  if (!look.moment.still_in_progress(suspicion.in_progress)) return true;
  return !look.standbys && Clock::now() - suspicion.since > kCommitVisibleWithin;
}

Mismatch Settlement::describe(std::size_t key, const Row* source, const Row* target) const {
  Mismatch mismatch{.key = key, .columns = {}};
  if (source == nullptr || target == nullptr) {
    mismatch.kind = source != nullptr   ? MismatchKind::Missing
                    : target != nullptr ? MismatchKind::Extra
                                        : MismatchKind::Different;
    return mismatch;
  }
  for (std::size_t column = 0; column < source->values.size(); ++column) {
    if (source->values[column] != target->values[column]) {
      mismatch.columns.push_back(table_.plan->columns()[column].source_name);
    }
  }
  return mismatch;
}

Settlement::Rows Settlement::source_rows(std::span<const std::size_t> rows) {
  Rows found;
  std::vector<ValueDigest> digests;
  for (const PlannedColumn& column : table_.plan->columns()) digests.emplace_back(column.type);
  source_.read_keys(keys_, rows, [&](TableBatch& batch) {
    for (std::size_t row = 0; row < batch.rows(); ++row) {
      Row one;
      for (std::size_t column = 0; column < digests.size(); ++column) {
        one.values.push_back(digests[column].of(batch.column(column), row));
      }
      DigestFold key;
      for (std::size_t column : table_.plan->key()) key.add(one.values[column]);
      found[key.value()] = std::move(one);
    }
  });
  return found;
}

Settlement::Rows Settlement::target_rows(std::span<const std::size_t> rows) {
  Rows found;
  std::vector<ValueDigest> digests;
  for (const TargetType& type : table_.target_types) digests.emplace_back(type);
  target_.read_keys(all_columns(table_), keys_, rows, [&](TargetRows& piece) {
    for (std::size_t row = 0; row < piece.rows(); ++row) {
      Row one{.values = {}, .version = piece.versions[row]};
      for (std::size_t column = 0; column < digests.size(); ++column) {
        one.values.push_back(digests[column].of(*piece.columns[column], row));
      }
      DigestFold key;
      for (std::size_t column : table_.plan->key()) key.add(one.values[column]);
      if (known_.contains(key.value())) found[key.value()] = std::move(one);
    }
  });
  return found;
}

}  // namespace echodb
