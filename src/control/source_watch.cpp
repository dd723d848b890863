#include "control/source_watch.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/pause.h"

namespace echodb {
namespace {

constexpr std::chrono::seconds kLookInterval{1};
/// From this part of what is allowed on, it is worth a word; and from this part of what is left until it is lost.
constexpr double kMuch = 0.8;
constexpr double kNearlyLost = 0.2;
/// A target that cannot keep up would have the slot given up again and again.
constexpr std::chrono::minutes kRestFirst{1};
constexpr std::chrono::minutes kRestMax{60};
constexpr int kRestDoublingsMax = 6;

std::string megabytes(std::uint64_t bytes) { return fmt::format("{} MB", bytes >> 20); }

}  // namespace

SourceWatch::SourceWatch(const Settings& settings, std::string slot, StatusBoard& board)
    : settings_(settings),
      slot_(std::move(slot)),
      board_(board),
      thread_([this](std::stop_token stop) { watch(std::move(stop)); }) {}

void SourceWatch::watch(std::stop_token stop) {
  std::optional<PostgresConnection> source;
  while (!stop.stop_requested()) {
    try {
      if (!source) source.emplace(settings_.postgres, ConnectionKind::Ordinary, stop);
      note(look_at_slot(*source, slot_));
    } catch (const Error& error) {
      // Whoever runs the stream meets the same fault and reports it; here it only makes the figures old.
      log::debug("watching the slot: {}", error.what());
      source.reset();
    } catch (const std::exception& fault) {
      log::warn("watching the slot: {}", fault.what());
      source.reset();
    }
    pause(kLookInterval, stop);
  }
}

void SourceWatch::note(const std::optional<SlotState>& slot) {
  board_.update([&](WorkerStatus& status) {
    SlotStatus now{.name = slot_, .known = true, .exists = slot.has_value(), .wal_status = {}, .loss = {}};
    now.retained_bytes_max = settings_.max_retained_wal;
    now.releases = status.slot.releases;
    if (slot) {
      now.active = slot->active;
      now.failover = slot->failover;
      now.wal_status = slot->wal_status;
      now.loss = slot->loss();
      now.retained_bytes = slot->retained_bytes;
      now.unconfirmed_bytes = slot->unconfirmed_bytes;
      now.safe_wal_bytes = slot->safe_wal_bytes;
    }
    status.slot = std::move(now);
  });
  if (slot) {
    warn(*slot);
  } else {
    set_release_due(false);
  }
}

void SourceWatch::warn(const SlotState& slot) {
  std::uint64_t most = settings_.max_retained_wal;
  std::string retained =
      fmt::format("the slot {} makes the source retain {} of log", slot_, megabytes(slot.retained_bytes));
  bool much = most > 0 && static_cast<double>(slot.retained_bytes) > kMuch * static_cast<double>(most);
  bool too_much = most > 0 && slot.retained_bytes > most;
  if (too_much_.begins(too_much)) {
    log::error("{}, more than ECHODB_MAX_RETAINED_WAL ({}) allows", retained, megabytes(most));
  } else if (much_.begins(much) && !too_much) {
    log::warn("{}; ECHODB_MAX_RETAINED_WAL allows {}", retained, megabytes(most));
  }
  if (unreserved_.begins(slot.wal_status == "unreserved")) {
    log::warn("{}: more than max_slot_wal_keep_size keeps, so the next checkpoint may take it away", retained);
  }
  if (slot.safe_wal_bytes) {
    auto safe = static_cast<double>(std::max<std::int64_t>(*slot.safe_wal_bytes, 0));
    bool nearly = safe < kNearlyLost * (safe + static_cast<double>(slot.retained_bytes));
    if (nearly_lost_.begins(nearly)) {
      log::warn("{}; {} more and it is lost (max_slot_wal_keep_size)", retained,
                megabytes(static_cast<std::uint64_t>(safe)));
    }
  }
  if (lost_.begins(!slot.loss().empty())) log::error("{}", slot.loss());
  set_release_due(too_much && settings_.on_max_retained_wal == OnMaxRetainedWal::Release);
}

/// Every worker looks, and one of them gives the slot up: what was due for the others is so no more.
void SourceWatch::set_release_due(bool due) {
  std::lock_guard lock(mutex_);
  release_due_ = due;
  if (due && run_ != nullptr) run_->request_stop();
}

void SourceWatch::released(const std::string& reason) {
  std::lock_guard lock(mutex_);
  auto now = std::chrono::steady_clock::now();
  // The last one is long past: this is not one of a row.
  if (releases_ > 0 && now - released_at_ > 2 * kRestMax) releases_ = 0;
  ++releases_;
  released_at_ = now;
  reason_ = reason;
  release_due_ = false;
  board_.update([](WorkerStatus& status) { ++status.slot.releases; });
}

std::chrono::steady_clock::time_point SourceWatch::rest_until() const {
  std::lock_guard lock(mutex_);
  if (releases_ < 2) return {};
  return released_at_ + std::min(kRestFirst * (1 << std::min(releases_ - 2, kRestDoublingsMax)), kRestMax);
}

std::string SourceWatch::last_reason() const {
  std::lock_guard lock(mutex_);
  return reason_;
}

SourceWatch::RunStop::RunStop(SourceWatch& watch, const std::stop_token& outer)
    : watch_(watch), with_outer_(outer, Raise{source_}) {
  std::lock_guard lock(watch_.mutex_);
  watch_.run_ = &source_;
  if (watch_.release_due_) source_.request_stop();
}

SourceWatch::RunStop::~RunStop() {
  std::lock_guard lock(watch_.mutex_);
  watch_.run_ = nullptr;
}

}  // namespace echodb
