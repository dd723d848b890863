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

}  // namespace

TableBatch& Batcher::open(MirroredTable& table, LiveVersion& version) {
  if (table.open != nullptr && &table.open->plan() != version.plan.get()) seal(table);
  if (table.open == nullptr) {
    table.open = std::make_unique<TableBatch>(version.plan);
    table.open_ticket = watermark_.open();
    table.open_bytes = 0;
    gathering_.push_back(&table);
  }
  return *table.open;
}

void Batcher::grew(MirroredTable& table, std::size_t bytes) {
  std::size_t cost = bytes + kRowOverheadBytes;
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
  InsertTask::Target target{.table = registry_.write_target(table), .server = registry_.server()};
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

void Batcher::taken(const Lane& lane) {
  auto found = strain_.find(&lane);
  if (found != strain_.end() && --found->second == 0) strain_.erase(found);
}

std::chrono::milliseconds Batcher::interval(const Lane& lane) const {
  auto found = strain_.find(&lane);
  if (found == strain_.end()) return options_.interval;
  return std::max(options_.interval,
                  std::min<std::chrono::milliseconds>(options_.interval * (1 << found->second), kStrainedIntervalMax));
}

bool Batcher::due(const MirroredTable& table, Clock::time_point now, bool drained) const {
  // More of the same is already in the socket: it costs less together.
  auto interval = this->interval(*table.lane);
  bool paused = now - table.last_sealed >= interval;
  return paused && (drained || now - table.last_sealed >= 2 * interval) && lanes_.depth(*table.lane) < kLaneDepthMax;
}

void Batcher::seal_due(bool drained) {
  auto now = Clock::now();
  std::vector<MirroredTable*> tables = gathering_;
  for (MirroredTable* table : tables) {
    if (due(*table, now, drained)) seal(*table);
  }
}

void Batcher::seal_all() {
  std::vector<MirroredTable*> tables = gathering_;
  for (MirroredTable* table : tables) seal(*table);
}

std::optional<Batcher::Clock::time_point> Batcher::next_due() const {
  std::optional<Clock::time_point> next;
  for (const MirroredTable* table : gathering_) {
    if (lanes_.depth(*table->lane) >= kLaneDepthMax) continue;
    auto at = table->last_sealed + interval(*table->lane);
    if (!next || at < *next) next = at;
  }
  return next;
}

}  // namespace echodb
