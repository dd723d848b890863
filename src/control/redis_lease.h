#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/finding.h"
#include "config/settings.h"

namespace echodb {

/// The leader's key in Redis. Its name ends with what is to be led: the source's system identifier, the oid of its
/// database and the stream, so that any number of installations can share one Redis. For example
///
///   key       echodb:auto_mirror:leader_lock:7301988231048325173:16384:echodb
///   value     worker-1|f3Jw…|9d01… 4242 …   WORKER_ID, a random word of the process, its mark; expires after the TTL
///   channel   echodb:auto_mirror:leader_released:7301988231048325173:16384:echodb
///
///   take or extend   set with the TTL when it is not there or is ours, in one script; so a key that was flushed comes
///                    back
///   release          deleted when it is ours, in one script, and the channel is told
///
/// A Redis that does not answer is an outcome here, not an error: what it means is for leader_election.h to say. One
/// thread at a time.
class RedisLease {
 public:
  RedisLease(RedisSettings settings, const std::string& worker_id, std::chrono::milliseconds ttl);
  ~RedisLease();

  /// What is to be led, before anything else; gives back the key of what was to be led so far.
  void lead_for(const std::string& scope);
  enum class Outcome { Ours, Other, Unreachable };
  Outcome take_or_extend();
  void release() noexcept;

  /// Whether nobody else has the key. That of a process of this machine that is no more is released. False when Redis
  /// does not answer.
  bool is_free();
  /// The WORKER_ID of the worker that has it; empty when nobody has, or Redis does not answer.
  [[nodiscard]] std::string holder();
  /// Waits until the key was released or has expired, at most for so long. Returns at once when Redis does not answer.
  void wait_for_release(std::chrono::milliseconds at_most, const std::stop_token& stop);
  /// Why it last was unreachable.
  [[nodiscard]] const std::string& fault() const { return fault_; }

  class Connection;

 private:
  Connection* commands();
  std::string value();
  void answered();
  void lost(const std::string& fault);

  RedisSettings settings_;
  std::string holder_;  ///< the key's value when it is ours
  std::string key_;     ///< empty: not known yet
  std::string channel_;
  std::chrono::milliseconds ttl_;
  std::chrono::milliseconds timeout_;  ///< of one connection or command
  std::unique_ptr<Connection> commands_;
  std::unique_ptr<Connection> releases_;  ///< subscribed to the channel
  std::string fault_;
};

/// The scope of a source's stream: what a key's name ends with. `source` is LeadershipLock::source().
std::string leader_key_scope(const std::string& source, const std::string& stream);

/// Tries what a worker does with its key on another one that expires by itself, and looks at the key of the scope, when
/// that is known. Nothing that is found is fatal: without Redis the lock in PostgreSQL decides who leads.
void examine_redis(const RedisSettings& settings, const std::optional<std::string>& scope, Findings& findings);

}  // namespace echodb
