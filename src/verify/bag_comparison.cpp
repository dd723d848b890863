#include "verify/bag_comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <set>

#include "base/pause.h"
#include "config/limits.h"
#include "verify/bag_rows.h"
#include "verify/heap_walk.h"
#include "verify/table_comparison.h"

namespace echodb {
namespace {

using Clock = std::chrono::steady_clock;

/// Rows whose identities are held at once, about a hundred bytes each.
constexpr std::uint64_t kSliceRowsMax = 2'000'000;
constexpr int kPassesMax = 5;
/// Of the passes, from the third on: what changes all the time is counted at one moment, if that is short.
constexpr int kPassAtOneMoment = 2;
constexpr std::chrono::milliseconds kPauseFirst{250};
/// After this, a commit in the log has become visible unless it waits for a standby: see Settlement.
constexpr std::chrono::milliseconds kPause{3100};
constexpr std::chrono::milliseconds kCommitVisibleWithin{3000};

struct SourceRow {
  RowHash hash;
  std::uint64_t digest;

  auto operator<=>(const SourceRow&) const = default;
};

/// What became of one identity.
struct Life {
  bool born = false;  ///< its row is there
  std::uint64_t digest = 0;
  std::uint64_t died = 0;  ///< the tombstone's version; 0: none
  std::vector<std::uint64_t> impossible;
};

using BagRows = std::vector<BagRow>::const_iterator;

/// Takes all rows of the identity at `row`.
Life read_life(BagRows& row, BagRows end, Lsn log_end) {
  Life life;
  const BagIdentity identity = row->identity;
  if (identity.lsn >= log_end.value) life.impossible.push_back(identity.lsn);
  for (; row != end && row->identity == identity; ++row) {
    if (row->version >= log_end.value) life.impossible.push_back(row->version);
    if (row->deleted) {
      life.died = life.died == 0 ? row->version : std::min(life.died, row->version);
    } else {
      life.born = true;
      life.digest = row->digest;
    }
  }
  return life;
}

/// Whether the identity was born or died while the source was read.
bool add_life(BagComparison::Content& content, const BagIdentity& identity, const Life& life,
              const SourceMoment& seen) {
  if (!life.impossible.empty()) {
    content.impossible.push_back(identity);
    content.impossible_versions.insert(content.impossible_versions.end(), life.impossible.begin(),
                                       life.impossible.end());
    return false;
  }
  const auto in_between = [&](std::uint64_t version) {
    return version >= seen.before.value && version < seen.after.value;
  };
  if (in_between(identity.lsn) || in_between(life.died)) return true;
  const bool was_live = identity.lsn < seen.before.value && (life.died == 0 || life.died >= seen.after.value);
  if (!was_live) return false;
  ++content.in_target;
  if (life.died != 0) return false;
  content.live.push_back(identity);
  if (content.in_source > 0 && life.born && life.digest != content.digest) content.tampered.push_back(identity);
  return false;
}

}  // namespace

bool BagComparison::Content::differs_like(const Content& other) const {
  return in_source - in_target == other.in_source - other.in_target && tampered == other.tampered &&
         impossible == other.impossible;
}

/// One slice, read once.
struct BagComparison::Pass {
  Slice slice;
  const Doubts* only = nullptr;  ///< the contents that are of interest; null: all
  bool at_one_moment = false;

  SourceMoment seen = {};
  Lsn log_end = {};
  std::vector<SourceRow> source = {};
  std::vector<BagRow> target = {};
  Contents differing = {};
  std::set<RowHash> moving = {};  ///< contents that changed while they were read

  [[nodiscard]] bool wants(const RowHash& hash) const {
    return slice.has(hash) && (only == nullptr || only->contains(hash));
  }
};

BagComparison::Outcome BagComparison::run() {
  certain_.clear();
  doubts_.clear();
  cut();
  Outcome outcome;
  first_pass(outcome);
  for (int number = 1; number < kPassesMax && !doubts_.empty(); ++number) {
    pause(number == 1 ? kPauseFirst : kPause, tools_.stop);
    try {
      look_again(number);
    } catch (const Error& error) {
      // The statement's timeout, or that of the moment: the table is too large. What is left stays undecided.
      constexpr std::string_view kQueryCanceled = "57014";
      if (number < kPassAtOneMoment || (error.code() != ErrorCode::SourceBusy && error.sqlstate() != kQueryCanceled)) {
        throw;
      }
      tools_.source.rollback();
      break;
    }
  }
  outcome.undecided = doubts_.size();
  describe(outcome);
  return outcome;
}

/// As many slices as keep the memory bounded; of a sample the one that was drawn, which later runs look at again.
void BagComparison::cut() {
  rows_estimated_ = std::max(tools_.source.size().rows, tools_.target.count({}));
  rows_read_ = 0;
  if (!slices_.empty()) return;
  if (tools_.sample_rows > 0) {
    const std::uint64_t count = std::max<std::uint64_t>(rows_estimated_ / tools_.sample_rows, 1);
    slices_.push_back({.number = std::random_device{}() % count, .count = count});
    return;
  }
  const std::uint64_t count = rows_estimated_ / kSliceRowsMax + 1;
  for (std::uint64_t number = 0; number < count; ++number) slices_.push_back({.number = number, .count = count});
}

void BagComparison::first_pass(Outcome& outcome) {
  for (const Slice& slice : slices_) {
    Pass pass{.slice = slice};
    read_source(pass);
    tools_.position.await_applied(pass.seen.after);
    read_target(pass);
    match(pass);
    outcome.source_rows += pass.source.size();
    if (!outcome.position) outcome.position = pass.seen.before;
    outcome.too_many = !take_up(pass);
    if (outcome.too_many) return;
  }
}

/// False when there are too many in doubt. Those that differ come first: they may be certain while the others move on.
bool BagComparison::take_up(Pass& pass) {
  const auto is_full = [&] { return doubts_.size() >= limits::kCheckCandidatesMax; };
  for (auto& [hash, content] : pass.differing) {
    if (is_full()) return false;
    doubts_[hash] = {.differed = std::move(content), .in_progress = pass.seen.in_progress, .since = Clock::now()};
  }
  for (const RowHash& hash : pass.moving) {
    if (is_full()) return false;
    doubts_[hash] = {};
  }
  return true;
}

void BagComparison::look_again(int number) {
  const bool any_moving =
      std::ranges::any_of(doubts_, [](const auto& doubt) { return !doubt.second.differed.has_value(); });
  for (const Slice& slice : slices_) {
    if (std::ranges::none_of(doubts_, [&](const auto& doubt) { return slice.has(doubt.first); })) continue;
    Pass pass{.slice = slice, .only = &doubts_, .at_one_moment = any_moving && number >= kPassAtOneMoment};
    read_source(pass);
    tools_.position.await_applied(pass.seen.after);
    read_target(pass);
    match(pass);
    settle(pass, tools_.position.commits_wait_for_standbys());
  }
}

/// At once for each slice: what is settled stays so when a later slice cannot be read.
void BagComparison::settle(const Pass& pass, bool standbys) {
  for (auto entry = doubts_.begin(); entry != doubts_.end();) {
    const bool is_settled = pass.slice.has(entry->first) && decide(entry->first, entry->second, pass, standbys);
    entry = is_settled ? doubts_.erase(entry) : std::next(entry);
  }
}

/// Whether the content is equal, or certain to differ; else the doubt becomes that of this pass.
bool BagComparison::decide(const RowHash& hash, Doubt& doubt, const Pass& pass, bool standbys) {
  if (pass.moving.contains(hash)) {
    doubt = {};
    return false;
  }
  auto found = pass.differing.find(hash);
  if (found == pass.differing.end()) return true;
  if (!doubt.differed || !doubt.differed->differs_like(found->second)) {
    doubt = {.differed = found->second, .in_progress = pass.seen.in_progress, .since = Clock::now()};
    return false;
  }
  const bool all_visible = !pass.seen.still_in_progress(doubt.in_progress) ||
                           (!standbys && Clock::now() - doubt.since > kCommitVisibleWithin);
  if (all_visible) certain_[hash] = found->second;
  return all_visible;
}

void BagComparison::read_source(Pass& pass) {
  BatchDigests digests(*tools_.table.plan);
  HeapWalk walk(tools_.source, tools_.settings.check_rows_per_second, tools_.stop);
  const std::uint64_t of = rows_estimated_ * slices_.size();
  std::uint64_t shown = rows_read_;
  pass.seen =
      walk.run({.on_start = [&] { pass.source.clear(); },
                .on_batch =
                    [&](TableBatch& batch) {
                      for (std::size_t row = 0; row < batch.rows(); ++row) {
                        const RowHash hash = batch.identity(row).hash;
                        if (pass.wants(hash)) pass.source.push_back({.hash = hash, .digest = digests.row(batch, row)});
                      }
                    },
                .on_progress =
                    [&](std::uint64_t rows) {
                      shown = rows_read_ + rows;
                      if (tools_.on_progress) tools_.on_progress(shown, of);
                    },
                .at_one_moment = pass.at_one_moment ? limits::kCheckMomentTimeout : std::chrono::milliseconds(0)});
  rows_read_ = shown;
  std::ranges::sort(pass.source);
}

void BagComparison::read_target(Pass& pass) {
  std::string condition;
  if (pass.only != nullptr && pass.only->size() <= limits::kCheckLookKeys) {
    for (const auto& [hash, doubt] : *pass.only) condition += (condition.empty() ? "" : ", ") + hash_literal(hash);
    condition = fmt::format("{} IN ({})", kRowHashColumn, condition);
  } else if (pass.slice.count > 1) {
    constexpr std::size_t kHighAt = offsetof(RowHash, high) + 1;
    condition = fmt::format("reinterpretAsUInt64(substring({}, {}, 8)) % {} = {}", kRowHashColumn, kHighAt,
                            pass.slice.count, pass.slice.number);
  }
  read_bag_rows(tools_.table, tools_.target, condition, [&](const BagRow& row) {
    if (pass.wants(row.identity.hash)) pass.target.push_back(row);
  });
  pass.log_end = tools_.position.log_end();
  std::ranges::sort(pass.target);
}

/// Walks both sides in the order of their hashes. Of each kind one more than may be in doubt is kept: that is too many.
void BagComparison::match(Pass& pass) {
  auto source = pass.source.begin();
  auto target = pass.target.cbegin();
  while (source != pass.source.end() || target != pass.target.end()) {
    const bool from_source =
        target == pass.target.end() || (source != pass.source.end() && source->hash <= target->identity.hash);
    const RowHash hash = from_source ? source->hash : target->identity.hash;
    Content content;
    for (; source != pass.source.end() && source->hash == hash; ++source) {
      ++content.in_source;
      content.digest = source->digest;
    }
    bool is_moving = false;
    while (target != pass.target.end() && target->identity.hash == hash) {
      const BagIdentity identity = target->identity;
      const Life life = read_life(target, pass.target.cend(), pass.log_end);
      is_moving = add_life(content, identity, life, pass.seen) || is_moving;
    }
    if (is_moving) {
      if (pass.moving.size() <= limits::kCheckCandidatesMax) pass.moving.insert(hash);
    } else if (!content.equal() && pass.differing.size() <= limits::kCheckCandidatesMax) {
      pass.differing.emplace(hash, std::move(content));
    }
  }
}

}  // namespace echodb
