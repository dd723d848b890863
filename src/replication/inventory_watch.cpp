#include "replication/inventory_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/log.h"
#include "base/pause.h"
#include "config/limits.h"
#include "replication/healing_schedule.h"

namespace echodb {
namespace {

/// The stream has usually come to a description, and the catalog shows the mirror, within so long.
constexpr std::chrono::seconds kHealTakes{10};
/// A table that the application has locked is asked for again soon.
constexpr std::chrono::seconds kHealPauseBusy{1};

std::string_view word(JudgedTable::State state) {
  switch (state) {
    case JudgedTable::State::Pending: return "pending";
    case JudgedTable::State::Error: return "error";
    case JudgedTable::State::Waiting:
    case JudgedTable::State::LeftOut: break;
  }
  return "left_out";
}

std::string call_for(InventoryEntry::Kind kind) {
  return kind == InventoryEntry::Kind::Waiting ? "SELECT _echodb.set_waiting_identities($1::oid)"
                                               : "SELECT _echodb.describe_again($1::oid)";
}

void add_to_tables(WorkerStatus& status, const UnmirroredStatus& unmirrored) {
  auto table = std::ranges::find(status.tables, unmirrored.table, &TableStatus::source);
  if (table == status.tables.end()) {
    table = status.tables.insert(table, {.source = unmirrored.table});
  } else if (table->state != "streaming") {
    return;  // it is in error itself, or just being copied
  }
  table->state = "error";
  table->error = unmirrored.reason;
  table->next_attempt = unmirrored.next_attempt;
}

void add_to_tables(WorkerStatus& status, const ParentTable& parent) {
  auto table = std::ranges::find(status.tables, parent.name, &TableStatus::source);
  if (table == status.tables.end()) return;
  table->inherited = {
      .tables = parent.heirs.size(), .not_mirrored = parent.heirs_not_watched(), .words = parent.words()};
}

}  // namespace

InventoryWatch::InventoryWatch(const Settings& settings, const StreamRecord& stream, CatalogStore& catalog)
    : settings_(settings),
      names_{.stream = stream.name, .slot = stream.slot, .with_waiting = true},
      catalog_(catalog),
      judge_(settings.catalog_poll),
      thread_([this](const std::stop_token& stop) { watch(stop); }) {}

void InventoryWatch::watch(const std::stop_token& stop) {
  std::optional<PostgresConnection> source;
  while (!stop.stop_requested()) {
    Clock::duration wait = limits::kInventoryLookAgain;
    try {
      if (!source) source.emplace(settings_.postgres, ConnectionKind::Ordinary, stop);
      look(*source);
      wait = time_to_wait();
    } catch (const Error& error) {
      if (error.code() == ErrorCode::Stopped) return;
      // A source that cannot be reached is the stream's to report. Anything else would leave tables unlooked for.
      if (error.code() != ErrorCode::SourceUnreachable) {
        log::warn("the watched tables could not be compared with the mirrored ones: {}", error.what());
        wait = std::max<Clock::duration>(wait, settings_.inventory_interval);
      }
      source.reset();
    } catch (const std::exception& fault) {
      log::warn("the watched tables could not be compared with the mirrored ones: {}", fault.what());
      wait = std::max<Clock::duration>(wait, settings_.inventory_interval);
      source.reset();
    }
    pause(wait, stop);
  }
}

void InventoryWatch::look(PostgresConnection& source) {
  const InventoryReading before = reading();
  InventoryLook look = look_through_inventory(source, names_);
  look.reading = before;
  judge_.add(look, Clock::now());
  if (judge_.is_undecided()) flush_log(source);
  heal(source);
  note(judge_.tables());
  note(find_parents(source, settings_));
}

void InventoryWatch::heard(InventoryReading reading) {
  MutexLock lock(mutex_);
  reading_ = std::move(reading);
}

InventoryReading InventoryWatch::reading() const {
  MutexLock lock(mutex_);
  return reading_;
}

InventoryWatch::Clock::duration InventoryWatch::time_to_wait() const {
  Clock::duration wait = settings_.inventory_interval;
  if (judge_.is_undecided()) wait = std::min<Clock::duration>(wait, limits::kInventoryLookAgain);
  for (const auto& [table, healing] : healing_) {
    const Clock::time_point now = Clock::now();
    wait = std::min(wait, healing.next - now);
    if (now - healing.began < kHealTakes) wait = std::min<Clock::duration>(wait, limits::kInventoryLookAgain);
  }
  return std::max<Clock::duration>(wait, Clock::duration::zero());
}

/// What is no longer in error, of whichever kind, begins with a short pause the next time.
void InventoryWatch::heal(PostgresConnection& source) {
  std::map<Oid, Healing> still;
  for (const JudgedTable& table : judge_.tables()) {
    if (table.state != JudgedTable::State::Error && table.state != JudgedTable::State::Waiting) continue;
    auto known = healing_.find(table.entry.oid);
    Healing& healing = still[table.entry.oid];
    if (known != healing_.end()) healing = known->second;
    if (healing.next <= Clock::now()) heal(source, table.entry, healing);
  }
  healing_ = std::move(still);
}

/// Nobody misses what waits, so it is tried less and less often, and without end.
InventoryWatch::Clock::duration InventoryWatch::pause_after(InventoryEntry::Kind kind, int attempts) const {
  if (kind != InventoryEntry::Kind::Waiting) return healing_pause(attempts);
  constexpr int kDoublingsMax = 6;
  return settings_.inventory_interval * (1 << std::min(attempts, kDoublingsMax));
}

void InventoryWatch::heal(PostgresConnection& source, const InventoryEntry& entry, Healing& healing) {
  const std::string failed = std::exchange(healing.failure, {});
  // Of a table that is locked for long, once.
  if (failed.empty()) {
    if (healing.attempts == 0 && entry.kind != InventoryEntry::Kind::Waiting) {
      log::error("{}: {}", entry.table, entry.reason);
    }
    log::info("{} is described again", entry.table);
  }
  healing.began = Clock::now();
  healing.next = healing.began + pause_after(entry.kind, healing.attempts);
  try {
    // The journal first: whoever leads no longer fails here, and changes nothing.
    catalog_.journal(
        {.table = entry.oid, .event = "described_again", .detail = fmt::format("{}: {}", entry.table, entry.reason)});
    source.query(call_for(entry.kind), {std::to_string(entry.oid)});
    ++healing.attempts;
    MutexLock lock(mutex_);
    ++healed_;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::SourceUnreachable || error.code() == ErrorCode::Stopped ||
        error.code() == ErrorCode::LeadershipLost) {
      throw;
    }
    healing.failure = error.message();
    if (healing.failure != failed) log::warn("{} cannot be described again: {}", entry.table, error.what());
    if (error.code() == ErrorCode::SourceBusy) {
      healing.next = Clock::now() + kHealPauseBusy;
    } else {
      ++healing.attempts;
    }
  }
}

void InventoryWatch::note(std::vector<JudgedTable> tables) {
  std::erase_if(tables, [](const JudgedTable& table) { return table.state == JudgedTable::State::Waiting; });
  std::vector<UnmirroredStatus> all;
  for (JudgedTable& table : tables) {
    UnmirroredStatus status{.table = std::move(table.entry.table),
                            .state = std::string(word(table.state)),
                            .reason = std::move(table.entry.reason)};
    if (auto healing = healing_.find(table.entry.oid);
        healing != healing_.end() && table.state == JudgedTable::State::Error) {
      status.attempts = static_cast<std::uint64_t>(healing->second.attempts);
      status.next_attempt = std::chrono::ceil<std::chrono::seconds>(
          std::max(healing->second.next - Clock::now(), Clock::duration::zero()));
      if (!healing->second.failure.empty()) status.reason += "; describing it failed: " + healing->second.failure;
    }
    all.push_back(std::move(status));
  }
  MutexLock lock(mutex_);
  tables_ = std::move(all);
}

/// The log says once what is, and once that it is no more.
void InventoryWatch::note(std::vector<ParentTable> parents) {
  std::erase_if(parents, [](const ParentTable& parent) { return !parent.watched; });
  MutexLock lock(mutex_);
  for (const ParentTable& parent : parents) {
    auto before = std::ranges::find(parents_, parent.oid, &ParentTable::oid);
    if (before == parents_.end() || before->words() != parent.words()) {
      log::warn("{} {}; `echodb doctor` has the statement that reads them all", parent.name, parent.words());
    }
  }
  for (const ParentTable& before : parents_) {
    if (std::ranges::find(parents, before.oid, &ParentTable::oid) == parents.end()) {
      log::info("no table inherits from {} any more", before.name);
    }
  }
  parents_ = std::move(parents);
}

void InventoryWatch::report(WorkerStatus& status) const {
  MutexLock lock(mutex_);
  status.unmirrored = tables_;
  status.described_again = healed_;
  for (const UnmirroredStatus& table : tables_) {
    if (table.state == "error") add_to_tables(status, table);
  }
  for (const ParentTable& parent : parents_) add_to_tables(status, parent);
}

}  // namespace echodb
