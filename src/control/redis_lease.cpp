#include "control/redis_lease.h"

#include <fmt/format.h>
#include <hiredis/hiredis.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/process_identity.h"

namespace echodb {
namespace {

using namespace std::chrono_literals;
using Reply = std::unique_ptr<redisReply, void (*)(void*)>;

constexpr const char* kKeyPrefix = "echodb:auto_mirror:leader_lock:";
constexpr const char* kChannelPrefix = "echodb:auto_mirror:leader_released:";
/// A Redis that hangs must not cost the leader its lease, of which each renewal asks twice at the most.
constexpr auto kTimeoutMax = 2s;
/// A wait looks at its stop token this often.
constexpr auto kStopCheckInterval = 50ms;

constexpr const char* kTakeOrExtend =
    "local holder = redis.call('GET', KEYS[1]) "
    "if holder and holder ~= ARGV[1] then return 0 end "
    "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return 1";
constexpr const char* kRelease =
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end "
    "redis.call('DEL', KEYS[1]) redis.call('PUBLISH', ARGV[2], ARGV[1]) return 1";

}  // namespace

/// hiredis, wrapped once. Throws Error(SystemFailure) with Redis' own words; it is of no more use afterwards.
class RedisLease::Connection {
 public:
  Connection(const RedisSettings& settings, std::chrono::microseconds timeout)
      : context_(redisConnectWithTimeout(settings.host.c_str(), settings.port, to_timeval(timeout)), &redisFree) {
    if (context_ == nullptr) throw Error(ErrorCode::SystemFailure, "no memory for a connection");
    if (context_->err != 0) fail();
    redisSetTimeout(context_.get(), to_timeval(timeout));
    if (!settings.password.empty()) command({"AUTH", settings.password});
  }

  Reply command(const std::vector<std::string>& words) {
    std::vector<const char*> texts;
    std::vector<std::size_t> sizes;
    for (const std::string& word : words) {
      texts.push_back(word.data());
      sizes.push_back(word.size());
    }
    Reply reply(static_cast<redisReply*>(
                    redisCommandArgv(context_.get(), static_cast<int>(words.size()), texts.data(), sizes.data())),
                &freeReplyObject);
    if (reply == nullptr) fail();
    if (reply->type == REDIS_REPLY_ERROR) throw Error(ErrorCode::SystemFailure, std::string(reply->str, reply->len));
    return reply;
  }

  /// Whether something was said on a channel this is subscribed to.
  bool wait_for_message(std::chrono::milliseconds at_most) {
    pollfd watched{context_->fd, POLLIN, 0};
    if (poll(&watched, 1, static_cast<int>(at_most.count())) <= 0) return false;
    void* reply = nullptr;
    if (redisGetReply(context_.get(), &reply) != REDIS_OK) fail();
    freeReplyObject(reply);
    return true;
  }

 private:
  static timeval to_timeval(std::chrono::microseconds time) {
    auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    return {.tv_sec = seconds.count(), .tv_usec = (time - seconds).count()};
  }
  [[noreturn]] void fail() const { throw Error(ErrorCode::SystemFailure, context_->errstr); }

  std::unique_ptr<redisContext, void (*)(redisContext*)> context_;
};

RedisLease::RedisLease(RedisSettings settings, const std::string& worker_id, std::chrono::milliseconds ttl)
    : settings_(std::move(settings)),
      holder_(fmt::format("{}|{}|{}", worker_id, process_token(), process_mark())),
      ttl_(ttl),
      timeout_(std::min<std::chrono::milliseconds>(ttl / 6, kTimeoutMax)) {}
RedisLease::~RedisLease() = default;

void RedisLease::lead_for(const std::string& scope) {
  const std::string key = kKeyPrefix + scope;
  if (key == key_) return;
  if (!key_.empty()) release();
  key_ = key;
  channel_ = kChannelPrefix + scope;
  releases_.reset();
}

RedisLease::Connection* RedisLease::commands() {
  if (commands_ == nullptr) commands_ = std::make_unique<Connection>(settings_, timeout_);
  return commands_.get();
}

/// Said once, and once more when it is back.
void RedisLease::lost(const std::string& fault) {
  commands_.reset();
  if (fault_.empty()) {
    log::warn("Redis at {}:{} does not answer: {}; meanwhile the lock in PostgreSQL decides who leads", settings_.host,
              settings_.port, fault);
  }
  fault_ = fault.empty() ? "no reason given" : fault;
}

void RedisLease::answered() {
  if (!fault_.empty()) log::info("Redis at {}:{} answers again", settings_.host, settings_.port);
  fault_.clear();
}

RedisLease::Outcome RedisLease::take_or_extend() {
  try {
    Reply reply = commands()->command({"EVAL", kTakeOrExtend, "1", key_, holder_, std::to_string(ttl_.count())});
    answered();
    return reply->integer == 1 ? Outcome::Ours : Outcome::Other;
  } catch (const Error& error) {
    lost(error.message());
    return Outcome::Unreachable;
  }
}

void RedisLease::release() noexcept {
  if (key_.empty()) return;
  try {
    commands()->command({"EVAL", kRelease, "1", key_, holder_, channel_});
  } catch (const Error& error) {
    // It expires by itself.
    log::warn("the leader's key in Redis could not be released: {}", error.message());
    commands_.reset();
  }
}

std::string RedisLease::value() {
  Reply reply = commands()->command({"GET", key_});
  return reply->type == REDIS_REPLY_STRING ? std::string(reply->str, reply->len) : std::string();
}

bool RedisLease::is_free() {
  try {
    const std::string found = value();
    answered();
    if (found.empty() || found == holder_) return true;
    const auto mark = found.rfind('|');
    if (mark == std::string::npos || !process_has_ended(found.substr(mark + 1))) return false;
    commands()->command({"EVAL", kRelease, "1", key_, found, channel_});
    return true;
  } catch (const Error& error) {
    lost(error.message());
    return false;
  }
}

std::string RedisLease::holder() {
  try {
    const std::string found = value();
    const auto mark = found.rfind('|');
    return mark == std::string::npos || mark == 0 ? found : found.substr(0, found.rfind('|', mark - 1));
  } catch (const Error& error) {
    lost(error.message());
    return {};
  }
}

void RedisLease::wait_for_release(std::chrono::milliseconds at_most, const std::stop_token& stop) {
  try {
    // First the subscription, then the look: a release in between is not missed.
    if (releases_ == nullptr) {
      releases_ = std::make_unique<Connection>(settings_, timeout_);
      releases_->command({"SUBSCRIBE", channel_});
    }
    Reply left = commands()->command({"PTTL", key_});
    constexpr long long kGone = -2;
    constexpr long long kNeverExpires = -1;
    if (left->integer == kGone) return;
    auto expires = left->integer == kNeverExpires ? at_most : std::chrono::milliseconds(left->integer + 1);
    auto until = std::chrono::steady_clock::now() + std::min(at_most, expires);
    while (!stop.stop_requested()) {
      auto rest = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
      if (rest <= 0ms || releases_->wait_for_message(std::min<std::chrono::milliseconds>(rest, kStopCheckInterval))) {
        return;
      }
    }
  } catch (const Error& error) {
    releases_.reset();
    lost(error.message());
  }
}

namespace {

struct Remedy {
  std::string_view begins;  ///< Redis' own words
  std::string_view remedy;
};
constexpr std::array kRemedies{
    Remedy{"NOAUTH", "set REDIS_PASSWORD to what requirepass of Redis says"},
    Remedy{"WRONGPASS", "set REDIS_PASSWORD to what requirepass of Redis says"},
    Remedy{"ERR invalid password", "set REDIS_PASSWORD to what requirepass of Redis says"},
    Remedy{"ERR AUTH", "unset REDIS_PASSWORD: Redis has none"},
    Remedy{"ERR Client sent AUTH", "unset REDIS_PASSWORD: Redis has none"},
    Remedy{"NOPERM", "ACL SETUSER default on ~echodb:auto_mirror:* &echodb:auto_mirror:* +@all"},
    Remedy{"READONLY", "let REDIS_HOST and REDIS_PORT name the primary, not a replica"},
    Remedy{"MISCONF", "free Redis' disk, or CONFIG SET stop-writes-on-bgsave-error no"},
    Remedy{"OOM", "CONFIG SET maxmemory to more, or let Redis evict"},
};

std::string_view remedy_for(std::string_view fault) {
  for (const Remedy& known : kRemedies) {
    if (fault.starts_with(known.begins)) return known.remedy;
  }
  return "start Redis, correct REDIS_HOST and REDIS_PORT, or unset REDIS_HOST";
}

std::string version_in(std::string_view info) {
  constexpr std::string_view kField = "redis_version:";
  auto at = info.find(kField);
  if (at == std::string_view::npos) return "of an unknown version";
  info.remove_prefix(at + kField.size());
  return std::string(info.substr(0, info.find('\r')));
}

/// A word of a shell's command line.
std::string shell_word(const std::string& text) {
  constexpr const char* kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:._-";
  if (text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string word = "'";
  for (char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + '\'';
}

void examine_key(RedisLease::Connection& redis, const std::string& key, const std::string& where, Findings& findings) {
  constexpr long long kNeverExpires = -1;
  if (redis.command({"PTTL", key})->integer != kNeverExpires) return;
  findings.warning(fmt::format("the key {} in {} never expires, so nobody leads when its holder is gone", key, where),
                   fmt::format("redis-cli DEL {}", shell_word(key)));
}

}  // namespace

std::string leader_key_scope(const std::string& source, const std::string& stream) { return source + ':' + stream; }

void examine_redis(const RedisSettings& settings, const std::optional<std::string>& scope, Findings& findings) {
  std::string where = fmt::format("Redis at {}:{} (REDIS_HOST, REDIS_PORT)", settings.host, settings.port);
  std::string trial =
      fmt::format("{}doctor:{:x}", kKeyPrefix, std::chrono::system_clock::now().time_since_epoch().count());
  try {
    RedisLease::Connection redis(settings, kTimeoutMax);
    Reply info = redis.command({"INFO", "server"});
    Reply taken = redis.command({"EVAL", kTakeOrExtend, "1", trial, "doctor", "2000"});
    Reply left = redis.command({"PTTL", trial});
    redis.command({"EVAL", kRelease, "1", trial, "doctor", kChannelPrefix + std::string("doctor")});
    if (taken->integer != 1 || left->integer <= 0) {
      findings.warning(fmt::format("{} does not keep a key until it expires", where),
                       "let REDIS_HOST name a Redis of its own, not a cluster's proxy");
      return;
    }
    if (scope) examine_key(redis, kKeyPrefix + *scope, where, findings);
    findings.ok(fmt::format("{} is {} and keeps a leader's key until it expires", where,
                            version_in({info->str == nullptr ? "" : info->str, info->len})));
  } catch (const Error& error) {
    findings.warning(fmt::format("{} cannot be used: {}; meanwhile the lock in PostgreSQL decides who leads", where,
                                 error.message()),
                     std::string(remedy_for(error.message())));
  }
}

}  // namespace echodb
