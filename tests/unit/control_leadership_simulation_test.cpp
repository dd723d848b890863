// Workers, a server and what can happen to both, from a seed: two workers never write at the same time. The decisions
// are the program's own (holder_watch.h); the server, the network and the clocks are made here.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "control/holder_watch.h"

namespace echodb {
namespace {

using Clock = HolderWatch::Clock;
using std::chrono::milliseconds;

constexpr milliseconds kTtl{3000};
constexpr milliseconds kLease = kTtl * 2 / 3;
constexpr milliseconds kServerGivesUp = kTtl * 5 / 6;
constexpr milliseconds kStep{20};
constexpr milliseconds kRenewEvery{300};
constexpr milliseconds kLookEvery{300};
constexpr int kWorkers = 3;
constexpr int kSteps = 1500;

/// A server's process and the worker at its other end.
struct Backend {
  int worker = 0;
  milliseconds last_asked{};  ///< true time
  std::string last_seen;      ///< by the server's clock
};

/// PostgreSQL: its sessions, the lock, what it counts, and the catalog, which outlives its memory.
struct Server {
  std::map<std::string, Backend> sessions;
  std::string lock;  ///< the session that has it
  int ended = 0;     ///< sessions that it ended itself
  int life = 0;
  int made = 0;
  milliseconds clock_is_off{};
  std::vector<OpenEpoch> epochs;  ///< that nobody has ended; `process` is the worker and its incarnation

  std::string connect(int worker, milliseconds now) {
    std::string id = std::to_string(++made) + ' ' + std::to_string(life);
    sessions[id] = {.worker = worker};
    touch(id, now);
    return id;
  }
  void touch(const std::string& id, milliseconds now) {
    sessions[id].last_asked = now;
    sessions[id].last_seen = std::to_string((now + clock_is_off).count());
  }
  void close(const std::string& id) {
    sessions.erase(id);
    if (lock == id) lock.clear();
  }
  void end(const std::string& id) {
    if (sessions.contains(id)) ++ended;
    close(id);
  }
  [[nodiscard]] std::string endings() const { return std::to_string(ended); }
};

struct Worker {
  enum class State { Follows, Waits, Writes };

  int number = 0;
  int incarnation = 0;
  int machine = 0;
  bool direct = true;
  bool alive = true;
  bool cut_off = false;
  milliseconds frozen_until{};
  milliseconds clock_is_ahead{};  ///< its own clock began at another time; nobody can set it

  State state = State::Follows;
  std::array<std::string, 2> sessions;
  std::size_t holding = 0;
  HolderWatch watch;
  milliseconds looked_at{}, renewed_at{};
  Clock::time_point lease_until, lock_taken;
  std::uint64_t epoch = 0;
  bool has_to_say = false;  ///< that it has stopped

  [[nodiscard]] Clock::time_point time(milliseconds now) const { return Clock::time_point(now + clock_is_ahead); }
  [[nodiscard]] std::string process() const { return std::to_string(number) + '.' + std::to_string(incarnation); }
  [[nodiscard]] bool acts(milliseconds now) const { return alive && now >= frozen_until; }
  [[nodiscard]] bool may_write(milliseconds now) const {
    return acts(now) && state == State::Writes && time(now) < lease_until;
  }
};

/// What a broken program would do; the simulation must see it.
enum class Belief { Rule, LockAlone, ClosedWhenGone };

class World {
 public:
  World(unsigned seed, Belief belief) : random_(seed), belief_(belief) {
    for (int number = 0; number < kWorkers; ++number) {
      workers_.push_back({.number = number,
                          .machine = pick(2),
                          .direct = pick(3) > 0,
                          .clock_is_ahead = milliseconds(pick(1'000'000))});
    }
  }

  /// How many steps went before two workers wrote at the same time; -1: that never happened.
  int run() {
    for (int step = 0; step < kSteps; ++step, now_ += kStep) {
      if (pick(25) == 0) something_happens();
      give_silent_sessions_up();
      std::shuffle(order_.begin(), order_.end(), random_);
      for (int number : order_) act(workers_[static_cast<std::size_t>(number)]);
      auto writers = std::ranges::count_if(workers_, [&](const Worker& worker) { return worker.may_write(now_); });
      led_ += writers > 0 ? 1 : 0;
      if (writers > 1) return step;
    }
    return -1;
  }
  [[nodiscard]] int steps_led() const { return led_; }

 private:
  int pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }
  Worker& somebody() { return workers_[static_cast<std::size_t>(pick(kWorkers))]; }

  void something_happens() {
    Worker& worker = somebody();
    switch (pick(10)) {
      case 0: return die(worker);
      case 1: worker.frozen_until = now_ + milliseconds(pick(2 * static_cast<int>(kTtl.count()))); return;
      case 2: worker.cut_off = true; return;
      case 3: worker.cut_off = false; return;
      case 4: return lose_memory();
      case 5: return end_all(worker);
      case 6: return server_.end(worker.sessions[static_cast<std::size_t>(pick(2))]);
      case 7: server_.clock_is_off += milliseconds(pick(7'200'000) - 3'600'000); return;
      case 8: return proxy_closes(worker);
      default:
        worker.alive = true;
        worker.cut_off = false;
        return;
    }
  }

  /// The kernel closes the connections of a process that ends, when it can reach the server.
  void die(Worker& worker) {
    if (!worker.alive) return;
    for (const std::string& id : worker.sessions) {
      if (!worker.cut_off) server_.close(id);
    }
    worker.alive = false;
    worker.state = Worker::State::Follows;
    worker.sessions = {};
    worker.watch = {};
    worker.has_to_say = false;
    ++worker.incarnation;
  }
  void lose_memory() {
    server_.sessions.clear();
    server_.lock.clear();
    server_.ended = 0;
    ++server_.life;
  }
  void end_all(const Worker& worker) {
    for (const std::string& id : worker.sessions) server_.end(id);
  }
  void proxy_closes(const Worker& worker) {
    if (worker.direct) return;
    for (const std::string& id : worker.sessions) server_.close(id);
  }
  /// By keepalives: those of whom it has not heard for five sixths of the TTL, and who cannot answer.
  void give_silent_sessions_up() {
    std::vector<std::string> gone;
    for (const auto& [id, backend] : server_.sessions) {
      const Worker& worker = workers_[static_cast<std::size_t>(backend.worker)];
      bool answers = !worker.cut_off && std::ranges::find(worker.sessions, id) != worker.sessions.end();
      if (!answers && now_ - backend.last_asked > kServerGivesUp) gone.push_back(id);
    }
    for (const std::string& id : gone) server_.close(id);
  }

  void act(Worker& worker) {
    if (!worker.acts(now_)) return;
    if (worker.state != Worker::State::Follows) return lead(worker);
    if (worker.cut_off) return;
    if (worker.has_to_say) {
      std::erase_if(server_.epochs, [&](const OpenEpoch& open) { return open.number == worker.epoch; });
      worker.has_to_say = false;
    }
    follow(worker);
  }

  void follow(Worker& worker) {
    if (!server_.sessions.contains(worker.sessions[0])) {
      worker.sessions[0] = server_.connect(worker.number, now_);
      worker.watch = {};
    }
    server_.touch(worker.sessions[0], now_);
    if (server_.lock.empty()) {
      // Redis says anything, also to two at once: it only ever keeps workers from trying.
      if (pick(3) > 0) take(worker);
    } else if (now_ - worker.looked_at >= kLookEvery) {
      look(worker);
    }
  }

  void take(Worker& worker) {
    worker.sessions[1] = server_.connect(worker.number, now_);
    server_.lock = worker.sessions[0];
    worker.holding = 0;
    worker.lock_taken = worker.time(now_);
    worker.lease_until = worker.time(now_) + kLease;
    worker.renewed_at = now_;
    worker.epoch = ++epochs_;
    worker.state = Worker::State::Waits;
    server_.epochs.push_back({.number = worker.epoch,
                              .process = worker.process(),
                              .sessions = {worker.sessions[0], worker.sessions[1]},
                              .direct = worker.direct,
                              .lease_lasts = kLease});
  }

  void look(Worker& worker) {
    worker.looked_at = now_;
    std::string endings = server_.endings();
    std::vector<LeaderSession> there;
    for (const auto& [id, backend] : server_.sessions) {
      if (id != worker.sessions[0])
        there.push_back({.id = id, .last_seen = backend.last_seen, .holds = id == server_.lock});
    }
    worker.watch.look(there, std::move(endings), worker.time(now_));
    for (const LeaderSession& silent : worker.watch.silent_holders(kTtl, worker.time(now_))) {
      server_.end(silent.id);
      worker.watch.note_ended(silent.id);
    }
  }

  void lead(Worker& worker) {
    if (now_ - worker.renewed_at >= kRenewEvery && !worker.cut_off && !renew(worker)) return stop(worker);
    if (worker.time(now_) >= worker.lease_until) return stop(worker);
    if (worker.state == Worker::State::Waits && !worker.cut_off && nobody_else_writes(worker)) {
      std::erase_if(server_.epochs, [&](const OpenEpoch& open) { return open.number < worker.epoch; });
      worker.state = Worker::State::Writes;
    }
  }

  bool renew(Worker& worker) {
    for (const std::string& id : worker.sessions) {
      if (!server_.sessions.contains(id)) return false;
      server_.touch(id, now_);
    }
    worker.renewed_at = now_;
    worker.lease_until = worker.time(now_) + kLease;
    if (pick(4) == 0) worker.holding = 1 - worker.holding;
    server_.lock = worker.sessions.at(worker.holding);
    return true;
  }

  /// First it stops writing, then it closes its sessions.
  void stop(Worker& worker) {
    worker.state = Worker::State::Follows;
    worker.has_to_say = true;
    if (!worker.cut_off) {
      for (const std::string& id : worker.sessions) server_.close(id);
    }
    worker.sessions = {};
    worker.watch = {};
  }

  bool nobody_else_writes(const Worker& worker) {
    if (belief_ == Belief::LockAlone) return true;
    // The catalog is asked whether the server still has this worker's sessions: another life counts anew.
    if (!std::ranges::all_of(worker.sessions, [&](const auto& id) { return server_.sessions.contains(id); }))
      return false;
    return std::ranges::none_of(server_.epochs, [&](OpenEpoch open) {
      if (open.number >= worker.epoch || open.process == worker.process()) return false;
      open.has_sessions =
          std::ranges::any_of(open.sessions, [&](const std::string& id) { return server_.sessions.contains(id); });
      if (belief_ == Belief::ClosedWhenGone && !open.has_sessions) return false;
      auto until =
          may_write_until(open, has_ended(worker, open.process), worker.watch, server_.endings(), worker.lock_taken);
      return worker.time(now_) < until;
    });
  }
  [[nodiscard]] bool has_ended(const Worker& who_asks, const std::string& process) const {
    return std::ranges::any_of(workers_, [&](const Worker& other) {
      bool known = other.machine == who_asks.machine && process.starts_with(std::to_string(other.number) + '.');
      return known && (!other.alive || other.process() != process);
    });
  }

  std::mt19937 random_;
  Belief belief_;
  milliseconds now_{100'000};
  Server server_;
  std::vector<Worker> workers_;
  std::vector<int> order_{0, 1, 2};
  std::uint64_t epochs_ = 0;
  int led_ = 0;
};

TEST(LeadershipSimulation, TwoWorkersNeverWriteAtTheSameTime) {
  int led = 0;
  constexpr int kSeeds = 500;
  for (unsigned seed = 1; seed <= kSeeds; ++seed) {
    World world(seed, Belief::Rule);
    ASSERT_EQ(world.run(), -1) << "seed " << seed;
    led += world.steps_led();
  }
  EXPECT_GT(led, kSeeds * kSteps / 10) << "somebody leads";
}

bool sees_two_writers(Belief belief) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    if (World(seed, belief).run() >= 0) return true;
  }
  return false;
}

TEST(LeadershipSimulation, SeesTwoWritersWhenTheLockAloneIsBelieved) {
  EXPECT_TRUE(sees_two_writers(Belief::LockAlone));
}

TEST(LeadershipSimulation, SeesTwoWritersWhenSessionsThatAreGoneAreTakenForClosed) {
  EXPECT_TRUE(sees_two_writers(Belief::ClosedWhenGone));
}

}  // namespace
}  // namespace echodb
