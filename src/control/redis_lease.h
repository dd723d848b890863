#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/finding.h"
#include "config/settings.h"

namespace echodb {

/// The leader's key in Redis: `echodb:auto_mirror:leader_lock` holds the worker's id and expires after the TTL.
///
///   take or extend   set with the TTL when it is not there or is ours, in one script; so a key that was flushed comes
///                    back, and a worker that starts again under its own id does not wait for its own key
///   release          deleted when it is ours, in one script, and `echodb:auto_mirror:leader_released` is told
///
/// A Redis that does not answer is an outcome here, not an error: what it means is for leader_election.h to say. One
/// thread at a time.
class RedisLease {
 public:
  RedisLease(RedisSettings settings, std::string worker_id, std::chrono::milliseconds ttl);
  ~RedisLease();

  enum class Outcome { Ours, Other, Unreachable };
  Outcome take_or_extend();
  void release() noexcept;

  /// Who has it; empty when nobody has, or Redis does not answer.
  [[nodiscard]] std::string holder();
  /// Waits until the key was released or has expired, at most for so long. Returns at once when Redis does not answer.
  void wait_for_release(std::chrono::milliseconds at_most, const std::stop_token& stop);
  /// Why it last was unreachable.
  [[nodiscard]] const std::string& fault() const { return fault_; }

  class Connection;

 private:
  Connection* commands();
  void lost(const std::string& fault);

  RedisSettings settings_;
  std::string worker_id_;
  std::chrono::milliseconds ttl_;
  std::chrono::milliseconds timeout_;  ///< of one connection or command
  std::unique_ptr<Connection> commands_;
  std::unique_ptr<Connection> releases_;  ///< subscribed to the channel
  std::string fault_;
};

/// Tries what a worker does with its key on another one that expires by itself. Nothing that is found is fatal: without
/// Redis the lock in PostgreSQL decides who leads.
void examine_redis(const RedisSettings& settings, Findings& findings);

}  // namespace echodb
