#include "control/leader_election.h"

#include <algorithm>
#include <random>

#include "base/error.h"
#include "base/log.h"
#include "base/pause.h"
#include "clickhouse/client.h"
#include "control/leadership_lock.h"
#include "control/redis_lease.h"
#include "control/setup.h"

namespace echodb {
namespace {

using namespace std::chrono_literals;
/// A follower asks for the lock this often: it decides how long a hand-over takes, and costs the source ten small
/// statements a second.
constexpr auto kLockInterval = 100ms;

/// A look takes all sessions of the server in. Often enough that a silent leader is known by it soon after the TTL.
std::chrono::milliseconds look_interval(const Settings& settings) {
  return std::clamp<std::chrono::milliseconds>(settings.leader_election_ttl / 10, kLockInterval, 1s);
}

class LockElection final : public LeaderElection {
 public:
  explicit LockElection(const Settings& settings)
      : interval_(settings.leader_election_interval),
        look_interval_(look_interval(settings)),
        lock_(settings.postgres, settings.worker_id, settings.leader_election_ttl) {}

  bool try_lead() override {
    if (lock_.try_take()) return true;
    look_after_holder();
    return false;
  }
  LeaderClaim claim() const override { return lock_.claim(); }
  const HolderWatch& watch() const override { return lock_.watch(); }
  Lease::Clock::time_point renew(Lease::Clock::time_point until) override { return lock_.renew(until); }
  void resign() noexcept override { lock_.release(); }
  void interrupt() noexcept override { lock_.interrupt(); }
  void await_turn(const std::stop_token& stop) override {
    // Two candidates that try at the same instant keep each other out; not at the next one.
    std::uniform_int_distribution<int> percent(75, 125);
    pause(std::min<std::chrono::milliseconds>(interval_, kLockInterval) * percent(random_) / 100, stop);
  }
  std::string leader() override { return lock_.holder(); }
  std::string obstacle() override { return lock_.obstacle(); }

  /// Now and then.
  void look_after_holder() {
    auto now = std::chrono::steady_clock::now();
    if (now - looked_at_ < std::min<std::chrono::milliseconds>(interval_, look_interval_)) return;
    looked_at_ = now;
    lock_.look_after_holder();
  }
  const std::string& source() { return lock_.source(); }

 private:
  std::chrono::milliseconds interval_;
  std::chrono::milliseconds look_interval_;
  LeadershipLock lock_;
  std::chrono::steady_clock::time_point looked_at_;
  std::minstd_rand random_{std::random_device{}()};
};

/// Empty when ClickHouse was reached. One that refuses, because the database is not made yet for example, was.
std::string why_not_reached(const ClickHouseSettings& clickhouse, const std::stop_token& stop) {
  try {
    ClickHouseClient(clickhouse, stop).server_version();
  } catch (const Error& error) {
    if (error.code() == ErrorCode::Stopped) throw;
    if (error.code() == ErrorCode::TargetUnreachable || error.code() == ErrorCode::TargetAuthentication) {
      return error.what();
    }
  }
  return {};
}

class RedisElection final : public LeaderElection {
 public:
  RedisElection(const Settings& settings, std::stop_token stop)
      : stream_(stream_names(settings).stream),
        clickhouse_(settings.clickhouse),
        ttl_(settings.leader_election_ttl),
        wait_(std::min(settings.leader_election_interval, look_interval(settings))),
        stop_(std::move(stop)),
        redis_(settings.redis, settings.worker_id, settings.leader_election_ttl),
        lock_(settings) {}

  bool try_lead() override {
    try {
      redis_.lead_for(leader_key_scope(lock_.source(), stream_));
      if (!has_turn()) {
        lock_.look_after_holder();
        return false;
      }
      return lock_.try_lead();
    } catch (const Error&) {
      give_key_back();
      throw;
    }
  }
  LeaderClaim claim() const override { return lock_.claim(); }
  const HolderWatch& watch() const override { return lock_.watch(); }

  Lease::Clock::time_point renew(Lease::Clock::time_point until) override {
    RedisLease::Outcome key = redis_.take_or_extend();
    key_is_ours_ = key == RedisLease::Outcome::Ours;
    if (key == RedisLease::Outcome::Other) {
      throw Error(ErrorCode::LeadershipLost, "another worker has the leader's key in Redis");
    }
    return lock_.renew(until);
  }

  /// First the lock: who hears of the released key finds it free.
  void resign() noexcept override {
    lock_.resign();
    give_key_back();
    target_fault_.clear();
  }
  void interrupt() noexcept override { lock_.interrupt(); }

  /// With the key, or without Redis, it is the lock that we wait for.
  void await_turn(const std::stop_token& stop) override {
    if (key_is_ours_ || !redis_.fault().empty()) return lock_.await_turn(stop);
    if (target_fault_.empty()) return redis_.wait_for_release(wait_, stop);
    pause(wait_, stop);
  }
  /// Whoever has the lock: the key alone, which anybody with Redis's password can set, makes no leader.
  std::string leader() override { return lock_.leader(); }
  std::string obstacle() override {
    if (key_is_ours_ || !redis_.fault().empty()) return lock_.obstacle();
    if (!target_fault_.empty()) return "ClickHouse cannot be reached from here: " + target_fault_;
    return "the leader's key in Redis is held by " + redis_.holder() + ", which has no lock in PostgreSQL";
  }

 private:
  /// Whether this worker is to try for the lock: it has the key, or Redis does not answer.
  bool has_turn() {
    if (!key_is_ours_ && !may_take_key()) return false;
    key_is_ours_ = redis_.take_or_extend() == RedisLease::Outcome::Ours;
    return key_is_ours_ || !redis_.fault().empty();
  }

  bool may_take_key() {
    if (!redis_.is_free()) {
      target_fault_.clear();
      return !redis_.fault().empty();
    }
    return target_answers() || BootClock::now() - free_since_ > ttl_;
  }

  bool target_answers() {
    if (target_fault_.empty()) free_since_ = BootClock::now();
    std::string fault = why_not_reached(clickhouse_, stop_);
    if (!fault.empty() && target_fault_.empty()) log::warn("the leader's key in Redis is left to others: {}", fault);
    target_fault_ = std::move(fault);
    return target_fault_.empty();
  }

  void give_key_back() noexcept {
    if (key_is_ours_) redis_.release();
    key_is_ours_ = false;
  }

  std::string stream_;
  ClickHouseSettings clickhouse_;
  std::chrono::milliseconds ttl_;
  std::chrono::milliseconds wait_;
  std::stop_token stop_;
  RedisLease redis_;
  LockElection lock_;
  bool key_is_ours_ = false;
  std::string target_fault_;          ///< why ClickHouse was not reached when the key was free; empty: it was
  BootClock::time_point free_since_;  ///< when that began
};

}  // namespace

std::unique_ptr<LeaderElection> make_leader_election(const Settings& settings, std::stop_token stop) {
  if (settings.redis.host.empty()) return std::make_unique<LockElection>(settings);
  return std::make_unique<RedisElection>(settings, std::move(stop));
}

}  // namespace echodb
