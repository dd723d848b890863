#include "sim/simulation.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "control/error_policy.h"
#include "replication/table_plan.h"
#include "sim/comparison.h"
#include "sim/copy_reader.h"
#include "sim/source_client.h"

namespace echodb::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kWriters = 2;
constexpr std::size_t kCopiers = 2;
constexpr std::size_t kMessagesPerTurn = 12;
/// Once nothing goes wrong any more, both sides are equal after so many turns, or something is stuck.
constexpr std::size_t kTurnsToSettle = 4'000;
constexpr unsigned kThousand = 1'000;

Settings make_settings(Random& random) {
  Settings settings;
  // The run's own threads do the work.
  settings.writers = 0;
  settings.snapshot_workers = 0;
  settings.clickhouse.database = kDatabase;
  settings.sync_interval = 10ms;
  settings.retry_delay = 1s;
  constexpr std::uint64_t kLittle = 8'000;
  if (random.chance(kThousand / 3)) settings.memory_bytes_max = kLittle;
  return settings;
}

FaultRates make_rates(Random& random) {
  FaultRates rates;
  auto some = [&](unsigned most) {
    return random.chance(kThousand / 2) ? 0 : 1 + static_cast<unsigned>(random.below(most));
  };
  rates.refused = some(30);
  rates.busy = some(60);
  rates.never_arrived = some(60);
  rates.answer_lost = some(60);
  rates.late = some(60);
  rates.crash = some(random.below(2) == 0 ? 4 : 15);
  return rates;
}

/// Ends the other threads before what they work with.
class ThreadsEnd {
 public:
  explicit ThreadsEnd(Baton& baton) : baton_(baton) {}
  ~ThreadsEnd() { baton_.end(); }
  ThreadsEnd(const ThreadsEnd&) = delete;
  ThreadsEnd& operator=(const ThreadsEnd&) = delete;

 private:
  Baton& baton_;
};

/// Whether the table has this key's row of that version, or a later one.
bool has_row(const StoredTable& table, const std::string& key, Lsn version) {
  return std::ranges::any_of(table.rows, [&](const StoredRow& row) {
    auto cell = row.cells.find("id");
    return cell != row.cells.end() && cell->second == key && row.version >= version.value;
  });
}

}  // namespace

/// From a start of the engine to its end.
class Simulation::Life {
 public:
  Life(Simulation& simulation, Baton& baton, Faults& faults, Applier& applier, Lsn start, Bookmark bookmark)
      : world_(simulation),
        baton_(baton),
        faults_(faults),
        applier_(applier),
        log_(simulation.source_, start),
        bookmark_(simulation.catalog_, kDatabase, std::move(bookmark)) {}

  /// Until the log is to be read again, or, in the last life, until both sides are at rest.
  void lead(bool is_last);

 private:
  bool turn();
  void look();
  void confirm();
  void save();
  void finish();
  [[nodiscard]] bool is_at_rest();
  [[nodiscard]] bool is_idle();

  Simulation& world_;
  Baton& baton_;
  Faults& faults_;
  Applier& applier_;
  LogReader log_;
  BookmarkKeeper bookmark_;
  TargetWatch watch_{kDatabase, kServer};
  std::size_t looks_ = 0;  ///< that were asked for when all was read, and heard of
};

Simulation::Simulation(std::uint64_t seed, const std::vector<std::string>& without)
    : random_(seed),
      settings_(make_settings(random_)),
      rates_(make_rates(random_)),
      target_(random_, kDatabase),
      workload_(random_, source_, target_, catalog_),
      steps_left_(20 + random_.below(60)),
      lives_left_(random_.below(6)),
      flood_(random_.chance(kThousand / 3) ? 100 : 0),
      late_pace_(random_.below(2) == 0 ? 40 : 5) {
  constexpr unsigned kStrangers = 300;
  const bool strangers = random_.chance(kStrangers);
  for (const std::string& name : without) {
    if (name != "strangers") leave_out(rates_, name);
  }
  if (strangers && std::ranges::find(without, "strangers") == without.end()) workload_.allow_strangers();
}

std::optional<Finding> Simulation::run() {
  install();
  for (; lives_left_ > 0 && !finding_; --lives_left_) live_once(/*is_last=*/false);
  while (!finding_ && steps_left_ > 0) live_once(/*is_last=*/false);
  // The log may have to be read again a few times before all of it is in.
  constexpr int kLastLivesMax = 50;
  for (int lives = 0; !finding_ && !at_rest_; ++lives) {
    if (lives == kLastLivesMax) return Finding{"always moving", "the log is read again and again"};
    live_once(/*is_last=*/true);
  }
  if (!finding_ && !target_.order_fault().empty()) finding_ = Finding{"in order", target_.order_fault()};
  if (!finding_ && !target_.misfit().empty()) finding_ = Finding{"fitting", target_.misfit()};
  return finding_ ? finding_ : find_difference(source_, target_, catalog_);
}

void Simulation::live_once(bool is_last) {
  log::debug("-- a life begins{}", is_last ? ", the last one" : "");
  target_.end_late();
  target_.forget_order();
  constexpr unsigned kSourceCrash = 300;
  if (random_.chance(kSourceCrash)) source_.confirmed = std::max(slot_on_disk_, catalog_.applied());
  for (const auto& [oid, table] : catalog_.tables()) log::debug("-- catalog: {}", where_it_is(table));
  Baton baton(random_);
  Faults faults(random_, baton, is_last ? FaultRates() : rates_);
  catalog_.meet(&faults);
  try {
    SimTargetClient client(target_, faults);
    const Bookmark bookmark = begin(client);
    const Lsn start = std::max(source_.confirmed, catalog_.applied());
    Applier applier({.settings = settings_,
                     .stream = kStream,
                     .catalog = catalog_,
                     .target = kServer,
                     .connect =
                         [&](const std::stop_token&) {
                           return WriterConnections{.clickhouse = std::make_unique<SimTargetClient>(target_, faults),
                                                    .source = make_sim_source_client(source_, faults)};
                         },
                     .make_copy_reader =
                         [&](const CopyReaderParts& parts) {
                           return make_sim_copy_reader(source_, target_, faults, random_, parts);
                         },
                     .transient = [](const Error& error) { return error_policy(error.code()).transient; },
                     .on_event = [] {},
                     .start = start,
                     .seal = MessageSeal("unused"),
                     .board = {.let_others = [&] { baton.pass(); }}});
    ThreadsEnd threads_end(baton);
    for (std::size_t thread = 0; thread < kWriters; ++thread) {
      baton.add([&] {
        for (;; baton.pass()) applier.lanes().run_due();
      });
    }
    for (std::size_t thread = 0; thread < kCopiers; ++thread) {
      baton.add([&] {
        for (;; baton.pass()) applier.copier().run_due();
      });
    }
    Life(*this, baton, faults, applier, start, bookmark).lead(is_last);
  } catch (const Crash&) {
    // The next life goes on with what is left.
  } catch (const Error& error) {
    log::debug("-- the run ends: {}", error.what());
    const bool begins_anew = error.code() == ErrorCode::TargetReplaced;
    if (begins_anew) note_false_alarm(error.what());
    if (is_last && !begins_anew && !finding_) finding_ = Finding{"always moving", error.what()};
  }
  catalog_.meet(nullptr);
}

/// As Stream::save_progress() has it.
void Simulation::Life::look() {
  if (applier_.own_steps() > 0 || watch_.is_waited_for()) return;
  applier_.look_begins();
  applier_.push_own(std::make_unique<TargetWatchTask>(watch_, bookmark_));
}

void Simulation::Life::lead(bool is_last) {
  SimTargetClient client(world_.target_, faults_);
  applier_.resume({.end_of_log = world_.source_.end_of_log(), .next_transaction = world_.source_.snapshot().next},
                  watch_.look(client), client);
  if (is_last) {
    bool harmed = false;
    for (std::size_t turns = 0; !is_at_rest() || !harmed; ++turns) {
      // At rest all tables have been looked at, so what somebody does to one now has to be noticed.
      if (!harmed && is_at_rest()) {
        harmed = true;
        looks_ = 0;
        world_.workload_.harm_table();
      }
      if (turns == kTurnsToSettle) {
        world_.finding_ = Finding{"always moving", "nothing goes wrong any more, and it does not come to rest"};
        return;
      }
      if (!turn()) return finish();
    }
    world_.at_rest_ = true;
    return;
  }
  constexpr std::size_t kTurnsMax = 400;
  for (std::size_t turns = 0; turns < kTurnsMax && world_.steps_left_ > 0; ++turns) {
    constexpr unsigned kStep = 300;
    if (world_.random_.chance(kStep)) {
      --world_.steps_left_;
      world_.random_.chance(world_.flood_) ? world_.workload_.flood() : world_.workload_.step();
      if (world_.workload_.take_deed()) {
        world_.target_harmed_ = true;
        world_.all_left_to_copies_ = world_.source_.end_of_log();
      }
    }
    if (!turn()) return finish();
  }
}

/// As Stream::run() has it. False: the log is to be read again.
bool Simulation::Life::turn() {
  Random& random = world_.random_;
  bool drained = applier_.over_budget();
  for (std::size_t left = random.below(kMessagesPerTurn); left > 0 && !drained; --left) {
    drained = !log_.next(applier_) || applier_.over_budget();
  }
  constexpr unsigned kSettle = 100;
  constexpr unsigned kLook = 100;
  constexpr unsigned kSave = 60;
  if (random.chance(kSettle)) world_.source_.settle();
  const std::optional<TargetFindings> heard = applier_.in_transaction() ? std::nullopt : watch_.take();
  applier_.turn(drained, heard);
  looks_ = !is_idle() ? 0 : heard ? looks_ + 1 : looks_;
  if (random.chance(is_idle() ? kThousand / 2 : kLook)) look();
  applier_.registry().for_each([&](const MirroredTable& table) {
    if (table.record.state == TableState::Streaming) return;
    world_.left_to_copies_[table.record.oid] = world_.source_.end_of_log();
  });
  if (random.chance(kThousand / 2)) confirm();
  if (random.chance(kSave)) save();
  world_.target_.let_late_run(world_.late_pace_);
  if (applier_.must_read_again()) return false;
  // While everybody waits, time flies.
  Baton::let_pass(applier_.lanes().wait_idle(0ms) ? 2s : 20ms);
  baton_.pass();
  return true;
}

void Simulation::Life::confirm() {
  const Lsn position = applier_.watermark().position();
  world_.check_ahead(applier_, position);
  world_.source_.confirmed = std::max(world_.source_.confirmed, position);
}

void Simulation::Life::save() {
  const Lsn confirmed = world_.source_.confirmed;
  world_.catalog_.save_applied(kStream, confirmed);
  world_.catalog_.prune(kStream, confirmed);
  applier_.forget_old(confirmed);
  if (applier_.own_steps() <= 1) applier_.push_own(std::make_unique<BookmarkTask>(bookmark_, confirmed));
  if (world_.random_.chance(kThousand / 3)) world_.slot_on_disk_ = confirmed;
}

/// What has been read is written, as far as it can be.
void Simulation::Life::finish() {
  constexpr std::size_t kTurns = 200;
  for (std::size_t turns = 0; turns < kTurns && !applier_.watermark().idle(); ++turns) {
    applier_.collect_events();
    baton_.pass();
  }
  confirm();
  save();
}

/// What somebody has done to the target is noticed by the second look at the latest, and the first one may have been
/// asked for too early.
bool Simulation::Life::is_at_rest() {
  constexpr std::size_t kLooks = 4;
  return looks_ >= kLooks && is_idle();
}

bool Simulation::Life::is_idle() {
  if (!applier_.watermark().idle() || applier_.watermark().position() < world_.source_.end_of_log()) return false;
  bool at_rest = true;
  for (const auto& [oid, table] : world_.source_.tables()) {
    const MirroredTable* mirrored = applier_.registry().find(oid);
    at_rest = at_rest && mirrored != nullptr && mirrored->record.state == TableState::Streaming;
  }
  applier_.registry().for_each([&](const MirroredTable& table) {
    at_rest = at_rest && applier_.lanes().depth(*table.lane) == 0 && table.record.error.empty();
  });
  return at_rest;
}

/// The target of the change's table, if the row has to be there: the table has a key and is at rest, and no copy may
/// have taken the change over.
std::shared_ptr<StoredTable> Simulation::target_of(Applier& applier, const LoggedChange& change) const {
  if (change.schema == nullptr || change.schema->primary_key.empty() || change.row.empty()) return nullptr;
  const MirroredTable* table = applier.registry().find(change.schema->oid);
  if (table == nullptr || table->record.state != TableState::Streaming || change.lsn <= table->record.floor) {
    return nullptr;
  }
  if (change.lsn <= all_left_to_copies_) return nullptr;
  auto copied = left_to_copies_.find(change.schema->oid);
  if (copied != left_to_copies_.end() && change.lsn <= copied->second) return nullptr;
  return applier.lanes().depth(*table->lane) > 0 ? nullptr : target_.find(table->record.target_name);
}

/// What is confirmed to the slot is in the target.
void Simulation::check_ahead(Applier& applier, Lsn position) {
  for (; checked_ahead_ < source_.log().size() && source_.log()[checked_ahead_].end <= position; ++checked_ahead_) {
    const LoggedTransaction& transaction = source_.log()[checked_ahead_];
    for (const LoggedChange& change : transaction.changes) {
      std::shared_ptr<StoredTable> stored = target_of(applier, change);
      if (stored == nullptr || finding_) continue;
      const std::string key = as_native(kBigint, "Int64", *change.row.at(1));
      if (has_row(*stored, key, transaction.commit)) continue;
      finding_ = Finding{"never ahead", fmt::format("{} was confirmed, and {} has not its row of {}",
                                                    to_string(position), change.schema->name, to_string(change.lsn))};
    }
  }
}

}  // namespace echodb::sim
