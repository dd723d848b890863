#include "catalog/inventory.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <thread>

#include "catalog/inventory.sql.h"
#include "config/limits.h"

namespace echodb {
namespace {

using Kind = InventoryEntry::Kind;
using State = JudgedTable::State;

/// As inventory.sql spells the enumerators.
constexpr std::array<std::pair<std::string_view, Kind>, 7> kKinds{{{"not_mirrored", Kind::NotMirrored},
                                                                   {"not_published", Kind::NotPublished},
                                                                   {"not_described", Kind::NotDescribed},
                                                                   {"waiting", Kind::Waiting},
                                                                   {"not_watched", Kind::NotWatched},
                                                                   {"gone", Kind::Gone},
                                                                   {"left_out", Kind::LeftOut}}};
constexpr int kLooksUntilSure = 3;
constexpr std::chrono::milliseconds kLookAgainAfter{50};
/// A stream that nobody reads may be about to be read.
constexpr std::chrono::seconds kIdleStreamPatience{2};

Kind parse_kind(std::string_view word) {
  const auto* found = std::ranges::find(kKinds, word, &std::pair<std::string_view, Kind>::first);
  if (found == kKinds.end()) throw Error(ErrorCode::ProtocolViolation, fmt::format("'{}' is no kind of table", word));
  return found->second;
}

}  // namespace

InventoryLook look_through_inventory(PostgresConnection& source, const InventorySource& of) {
  InventoryLook look;
  // A statement of its own, before the snapshot of the next one: what is applied by then, that one sees.
  QueryResult slot = source.query(
      "SELECT coalesce(confirmed_flush_lsn, '0/0'), active, EXISTS (SELECT FROM pg_catalog.pg_event_trigger "
      "WHERE evtname = 'peerdb_auto_mirror_trigger') FROM pg_catalog.pg_replication_slots WHERE slot_name = $1",
      {of.slot});
  if (slot.rows() == 0) {
    throw Error(ErrorCode::SlotLost, fmt::format("there is no slot {}", of.slot), "run `echodb setup`");
  }
  look.applied = parse_lsn(slot.text(0, 0));
  look.is_stream_active = slot.boolean(0, 1);
  look.has_event_triggers = slot.boolean(0, 2);
  QueryResult found = source.query(std::string(sql::inventory), {of.stream, of.with_waiting ? "true" : "false"});
  for (std::size_t row = 0; row < found.rows(); ++row) {
    look.entries.push_back({.oid = static_cast<Oid>(found.number(row, 0)),
                            .table = std::string(found.text(row, 1)),
                            .kind = parse_kind(found.text(row, 2)),
                            .reason = std::string(found.text(row, 3)),
                            .evidence = std::string(found.text(row, 4))});
  }
  // After the snapshot: every commit that it sees lies before.
  look.position = parse_lsn(source.query("SELECT pg_catalog.pg_current_wal_insert_lsn()").text(0, 0));
  return look;
}

void InventoryJudge::add(const InventoryLook& look, Clock::time_point now) {
  has_event_triggers_ = look.has_event_triggers;
  looked_at_ = now;
  auto before = std::exchange(differences_, {});
  for (const InventoryEntry& entry : look.entries) {
    Difference difference{.entry = entry, .position = look.position, .since = now};
    auto known = before.find({entry.oid, entry.kind});
    if (known != before.end() && known->second.entry.evidence == entry.evidence) {
      difference = known->second;
      difference.entry = entry;
      const bool is_at_work = look.reading.at_work.contains(entry.oid);
      const Lsn in_catalog = is_at_work ? look.applied : std::max(look.applied, look.reading.end);
      if (in_catalog >= difference.position) {
        ++difference.looks;
        difference.position = look.position;
      }
    }
    differences_.emplace(std::pair(entry.oid, entry.kind), std::move(difference));
  }
}

State InventoryJudge::state_of(const Difference& difference) const {
  if (difference.entry.kind == Kind::LeftOut) return State::LeftOut;
  if (difference.entry.kind == Kind::Waiting) return State::Waiting;
  const bool is_young = !has_event_triggers_ && looked_at_ - difference.since < 2 * catalog_poll_;
  return difference.looks < kLooksUntilSure || is_young ? State::Pending : State::Error;
}

std::vector<JudgedTable> InventoryJudge::tables() const {
  std::vector<JudgedTable> all;
  for (const auto& [key, difference] : differences_) {
    all.push_back({.entry = difference.entry, .state = state_of(difference)});
  }
  std::ranges::stable_sort(all, {}, [](const JudgedTable& table) { return table.entry.table; });
  return all;
}

bool InventoryJudge::is_undecided() const {
  return std::ranges::any_of(differences_,
                             [this](const auto& entry) { return state_of(entry.second) == State::Pending; });
}

std::vector<JudgedTable> judge_inventory(PostgresConnection& source, const InventorySource& of,
                                         std::chrono::milliseconds catalog_poll, std::chrono::milliseconds patience,
                                         const std::stop_token& stop) {
  using Clock = InventoryJudge::Clock;
  InventoryJudge judge(catalog_poll);
  for (const auto began = Clock::now();;) {
    const InventoryLook look = look_through_inventory(source, of);
    judge.add(look, Clock::now());
    if (!judge.is_undecided()) break;
    const auto until =
        began + (look.is_stream_active ? patience : std::min<std::chrono::milliseconds>(patience, kIdleStreamPatience));
    if (Clock::now() >= until) break;
    flush_log(source);
    std::this_thread::sleep_for(kLookAgainAfter);
    if (stop.stop_requested()) throw Error(ErrorCode::Stopped, "stopped while the watched tables were looked through");
  }
  return judge.tables();
}

void flush_log(PostgresConnection& source) {
  commit_locally(source);
  source.query("SELECT pg_catalog.pg_logical_emit_message(true, 'echodb_flush', '')");
}

}  // namespace echodb
