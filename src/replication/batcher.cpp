#include "replication/batcher.h"

#include <algorithm>

#include "replication/lane_tasks.h"

namespace echodb {
namespace {

/// One at work and one waiting: more would only make smaller inserts.
constexpr std::size_t kLaneDepthMax = 2;
constexpr int kDoublingsMax = 8;
constexpr std::chrono::seconds kStrainedIntervalMax{10};
/// What a row costs besides its values: null maps, lengths, our own columns.
constexpr std::size_t kRowOverheadBytes = 48;
/// A value that is looked up is in memory twice: where it was found, and in its batch.
constexpr std::size_t kMissingCopies = 2;
/// So few rows are a trickle: a table that has more of them has little to gain from sending them early.
constexpr std::size_t kTrickleRows = 1'000;
/// Inserts of a trickle are no less apart than this.
constexpr std::chrono::milliseconds kGapMin{40};
/// The weight of the last insert's length in what one takes of late, as a divisor.
constexpr int kCostMemory = 8;

}  // namespace

TableBatch& Batcher::open(MirroredTable& table, LiveVersion& version) {
  if (table.open != nullptr && &table.open->plan() != version.plan.get()) seal(table);
  if (table.open == nullptr) {
    table.open = std::make_unique<TableBatch>(version.plan);
    table.open_ticket = watermark_.open();
    table.open_bytes = 0;
    table.opened_at = Clock::now();
    gathering_.push_back(&table);
  }
  return *table.open;
}

void Batcher::grew(MirroredTable& table, std::size_t bytes, std::size_t missing_values) {
  std::size_t cost = bytes + kRowOverheadBytes + missing_values * table.missing_value_size->expected() * kMissingCopies;
  table.open_bytes += cost;
  open_bytes_ += cost;
  if (table.open->rows() >= options_.rows_max || table.open_bytes >= options_.bytes_max) seal(table);
}

void Batcher::close(MirroredTable& table) {
  open_bytes_ -= table.open_bytes;
  table.open_bytes = 0;
  table.open_ticket = 0;
  table.open.reset();
  std::erase(gathering_, &table);
}

void Batcher::seal(MirroredTable& table) {
  if (table.open == nullptr) return;
  table.rows_applied += table.open->rows();
  InsertTask::Target target{.table = registry_.write_target(table),
                            .server = registry_.server(),
                            .missing_value_size = table.missing_value_size};
  auto task = std::make_unique<InsertTask>(std::move(table.open), std::move(target), table.open_bytes);
  task->tickets.push_back(table.open_ticket);
  lane_bytes_ += table.open_bytes;
  table.last_sealed = Clock::now();
  close(table);
  lanes_.push(table.lane, std::move(task));
}

std::optional<Watermark::Ticket> Batcher::discard(MirroredTable& table) {
  if (table.open == nullptr) return std::nullopt;
  Watermark::Ticket ticket = table.open_ticket;
  close(table);
  return ticket;
}

void Batcher::refused(const Lane& lane) {
  int& doublings = strain_[&lane];
  doublings = std::min(doublings + 1, kDoublingsMax);
}

void Batcher::taken(const Lane& lane, Clock::duration took) {
  // One that hung says little about the next.
  insert_cost_ += std::min(took - insert_cost_, insert_cost_) / kCostMemory;
  auto found = strain_.find(&lane);
  if (found != strain_.end() && --found->second == 0) strain_.erase(found);
}

std::chrono::milliseconds Batcher::interval(const Lane& lane) const {
  auto found = strain_.find(&lane);
  if (found == strain_.end()) return options_.interval;
  return std::max(options_.interval,
                  std::min<std::chrono::milliseconds>(options_.interval * (1 << found->second), kStrainedIntervalMax));
}

/// Between two inserts of the table. Tables that have rows share the time of one writer.
Batcher::Clock::duration Batcher::gap(const MirroredTable& table) const {
  Clock::duration longest = interval(*table.lane);
  if (strain_.contains(table.lane.get()) || table.open->rows() > kTrickleRows) return longest;
  auto fair = insert_cost_ * static_cast<int>(gathering_.size());
  return std::clamp<Clock::duration>(fair, std::min<Clock::duration>(kGapMin, longest), longest);
}

bool Batcher::due(const MirroredTable& table, Clock::time_point now, bool drained) const {
  // More of the same is already in the socket: it costs less together.
  auto wait = drained ? gap(table) : Clock::duration(2 * interval(*table.lane));
  return now - table.last_sealed >= wait && lanes_.depth(*table.lane) < kLaneDepthMax;
}

void Batcher::seal_due(bool drained) {
  std::size_t waiting = lanes_.inserts_waiting();
  if (gathering_.empty() || waiting >= options_.waiting_max) return;
  auto now = Clock::now();
  std::vector<MirroredTable*> tables;
  std::ranges::copy_if(gathering_, std::back_inserter(tables), [&](auto* table) { return due(*table, now, drained); });
  std::ranges::sort(tables, {}, &MirroredTable::opened_at);
  for (MirroredTable* table : tables) {
    if (waiting++ >= options_.waiting_max) return;
    seal(*table);
  }
}

void Batcher::seal_all() {
  std::vector<MirroredTable*> tables = gathering_;
  for (MirroredTable* table : tables) seal(*table);
}

std::optional<Batcher::Clock::time_point> Batcher::next_due() const {
  if (gathering_.empty() || lanes_.inserts_waiting() >= options_.waiting_max) return std::nullopt;
  std::optional<Clock::time_point> next;
  for (const MirroredTable* table : gathering_) {
    if (lanes_.depth(*table->lane) >= kLaneDepthMax) continue;
    auto at = table->last_sealed + gap(*table);
    if (!next || at < *next) next = at;
  }
  return next;
}

}  // namespace echodb
