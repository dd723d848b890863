#include "control/leader_election.h"

#include <condition_variable>
#include <mutex>
#include <random>

#include "base/error.h"
#include "base/log.h"
#include "control/leadership_lock.h"
#include "control/redis_lease.h"

namespace echodb {
namespace {

using namespace std::chrono_literals;
/// A follower asks for the lock this often: it decides how long a hand-over takes, and costs the source ten small
/// statements a second.
constexpr auto kLockInterval = 100ms;

void wait(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait_for(lock, stop, time, [] { return false; });
}

class LockElection final : public LeaderElection {
 public:
  explicit LockElection(const Settings& settings)
      : interval_(settings.leader_election_interval),
        lock_(settings.postgres, settings.worker_id, settings.leader_election_ttl) {}

  bool try_lead() override {
    if (lock_.try_take()) return true;
    look_after_holder();
    return false;
  }
  Lease::Clock::time_point renew(Lease::Clock::time_point until) override { return lock_.renew(until); }
  void resign() noexcept override { lock_.release(); }
  void interrupt() noexcept override { lock_.interrupt(); }
  void await_turn(const std::stop_token& stop) override {
    // Two candidates that try at the same instant keep each other out; not at the next one.
    std::uniform_int_distribution<int> percent(75, 125);
    wait(std::min<std::chrono::milliseconds>(interval_, kLockInterval) * percent(random_) / 100, stop);
  }
  std::string leader() override { return lock_.holder(); }
  std::string obstacle() override { return lock_.obstacle(); }

  /// Now and then: it takes a look at all sessions of the server.
  void look_after_holder() {
    auto now = std::chrono::steady_clock::now();
    if (now - looked_at_ < std::min<std::chrono::milliseconds>(interval_, kLookInterval)) return;
    looked_at_ = now;
    lock_.depose_hung_holder();
  }

 private:
  static constexpr auto kLookInterval = 1s;

  std::chrono::milliseconds interval_;
  LeadershipLock lock_;
  std::chrono::steady_clock::time_point looked_at_;
  std::minstd_rand random_{std::random_device{}()};
};

class RedisElection final : public LeaderElection {
 public:
  explicit RedisElection(const Settings& settings)
      : interval_(settings.leader_election_interval),
        redis_(settings.redis, settings.worker_id, settings.leader_election_ttl),
        lock_(settings) {}

  bool try_lead() override {
    key_is_ours_ = redis_.take_or_extend() == RedisLease::Outcome::Ours;
    if (!key_is_ours_ && redis_.fault().empty()) return false;
    return lock_.try_lead();
  }

  Lease::Clock::time_point renew(Lease::Clock::time_point until) override {
    if (redis_.take_or_extend() == RedisLease::Outcome::Other) {
      throw Error(ErrorCode::LeadershipLost, "another worker has the leader's key in Redis");
    }
    return lock_.renew(until);
  }

  /// First the lock: who hears of the released key finds it free.
  void resign() noexcept override {
    lock_.resign();
    redis_.release();
  }
  void interrupt() noexcept override { lock_.interrupt(); }

  /// With the key, or without Redis, it is the lock that we wait for.
  void await_turn(const std::stop_token& stop) override {
    if (key_is_ours_ || !redis_.fault().empty()) return lock_.await_turn(stop);
    redis_.wait_for_release(interval_, stop);
  }
  /// Whoever has the lock: the key alone, which anybody with Redis's password can set, makes no leader.
  std::string leader() override { return lock_.leader(); }
  std::string obstacle() override {
    if (key_is_ours_ || !redis_.fault().empty()) return lock_.obstacle();
    return "the leader's key in Redis is held by " + redis_.holder() + ", which has no lock in PostgreSQL";
  }

 private:
  std::chrono::milliseconds interval_;
  RedisLease redis_;
  LockElection lock_;
  bool key_is_ours_ = false;
};

}  // namespace

std::unique_ptr<LeaderElection> make_leader_election(const Settings& settings) {
  if (settings.redis.host.empty()) return std::make_unique<LockElection>(settings);
  return std::make_unique<RedisElection>(settings);
}

}  // namespace echodb
