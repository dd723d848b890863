#include "control/source_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/pause.h"
#include "base/utc_text.h"

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

bool has_been_set_up(PostgresConnection& source) {
  return source.query("SELECT to_regclass('_echodb.made') IS NOT NULL").boolean(0, 0) &&
         source.query("SELECT EXISTS (SELECT FROM _echodb.made)").boolean(0, 0);
}

/// The stream's slot, and why it is to be made again; both empty when there is no stream, or not under this name yet.
struct KeptStream {
  std::string slot;
  std::string remake;
};

KeptStream look_at_stream(PostgresConnection& source, const std::string& name) {
  if (source.query("SELECT to_regclass('_echodb.streams') IS NULL").boolean(0, 0)) return {};
  QueryResult found = source.query(
      "SELECT slot, coalesce(to_jsonb(s) ->> 'remake', '') FROM _echodb.streams s WHERE name = $1", {name});
  if (found.rows() == 0) return {};
  return {.slot = std::string(found.text(0, 0)), .remake = std::string(found.text(0, 1))};
}

std::string megabytes(std::uint64_t bytes) { return fmt::format("{} MB", bytes >> 20); }

}  // namespace

SourceWatch::SourceWatch(const Settings& settings, StreamNames names, StatusBoard& board)
    : settings_(settings),
      names_(std::move(names)),
      board_(board),
      thread_([this](std::stop_token stop) { watch(std::move(stop)); }) {}

void SourceWatch::watch(std::stop_token stop) {
  std::optional<PostgresConnection> source;
  while (!stop.stop_requested()) {
    try {
      if (!source) source.emplace(settings_.postgres, ConnectionKind::Ordinary, stop);
      const KeptStream kept = look_at_stream(*source, names_.stream);
      // A database that got another name keeps the slot that it had.
      slot_ = kept.slot.empty() ? names_.slot : kept.slot;
      note(look_at_slot(*source, slot_));
      look_at_installation(*source, kept.remake);
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

void SourceWatch::look_at_installation(PostgresConnection& source, const std::string& remake) {
  const auto now = std::chrono::steady_clock::now();
  const bool due = installation_due_.exchange(false) || now >= installation_next_;
  // `echodb setup` waits until the worker that reads the slot has made it again.
  if (!due && (remake.empty() || !streaming_)) return;
  installation_next_ = now + settings_.inventory_interval;
  // Before the first setup there is nothing to miss.
  if (!streaming_ && !has_been_set_up(source)) return;
  InstallationFaults faults = find_installation_faults(source, names_.publication);
  if (faults.empty() && !remake.empty()) faults.push_back({.what = remake});
  note(faults);
}

void SourceWatch::note(const InstallationFaults& faults) {
  const std::string now = utc_text();
  board_.update([&](WorkerStatus& status) {
    std::vector<InstallationStatus> known = std::exchange(status.installation, {});
    for (const InstallationFault& fault : faults) {
      auto same = std::ranges::find(known, fault.what, &InstallationStatus::what);
      status.installation.push_back({.what = fault.what, .since = same == known.end() ? now : same->since});
    }
  });
  if (faults.empty()) return;
  MutexLock lock(mutex_);
  if (run_ == nullptr || !streaming_ || run_->stop_requested()) return;
  log::error("{}: the stream ends, and what is missing is put back", list_faults(faults));
  run_->request_stop();
}

/// Every worker looks, and one of them gives the slot up: what was due for the others is so no more.
void SourceWatch::set_release_due(bool due) {
  MutexLock lock(mutex_);
  release_due_ = due;
  if (due && run_ != nullptr) run_->request_stop();
}

void SourceWatch::released(const std::string& reason) {
  MutexLock lock(mutex_);
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
  MutexLock lock(mutex_);
  if (releases_ < 2) return {};
  return released_at_ + std::min(kRestFirst * (1 << std::min(releases_ - 2, kRestDoublingsMax)), kRestMax);
}

std::string SourceWatch::last_reason() const {
  MutexLock lock(mutex_);
  return reason_;
}

SourceWatch::RunStop::RunStop(SourceWatch& watch, const std::stop_token& outer)
    : watch_(watch), with_outer_(outer, Raise{source_}) {
  MutexLock lock(watch_.mutex_);
  watch_.run_ = &source_;
  watch_.streaming_ = false;
  if (watch_.release_due_) source_.request_stop();
}

void SourceWatch::RunStop::streams() {
  watch_.installation_due_ = true;
  watch_.streaming_ = true;
}

SourceWatch::RunStop::~RunStop() {
  MutexLock lock(watch_.mutex_);
  watch_.streaming_ = false;
  watch_.installation_due_ = true;
  watch_.run_ = nullptr;
}

}  // namespace echodb
