#include "control/advisory_lock.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"

namespace echodb {
namespace {

/// An arbitrary number of ours, beside the one of setup.
constexpr std::string_view kLeaderLock = "111477628292165";
constexpr std::string_view kApplicationPrefix = "echodb leader ";
/// A session that is not asked to renew has this long for each answer.
constexpr std::chrono::seconds kAnswerWithin{5};

/// pg_locks shows a bigint key as its two halves.
std::string holders_from_where() {
  return fmt::format(
      "FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND l.granted "
      "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
      "AND (l.classid::bigint << 32) + l.objid::bigint = {} AND l.objsubid = 1 AND l.pid <> pg_backend_pid()",
      kLeaderLock);
}

/// The server gives a silent session up after five sixths of the TTL, and the holder itself after two thirds.
void set_liveness(PostgresConnection& connection, std::chrono::milliseconds ttl) {
  auto seconds = [](std::chrono::milliseconds time) {
    return std::max<std::int64_t>(1, std::chrono::duration_cast<std::chrono::seconds>(time).count());
  };
  connection.execute(
      fmt::format("SET tcp_keepalives_idle = {}; SET tcp_keepalives_interval = {}; SET tcp_keepalives_count = 3; "
                  "SET tcp_user_timeout = {}",
                  seconds(ttl / 3), seconds(ttl / 6), (ttl * 5 / 6).count()));
}

}  // namespace

AdvisoryLock::AdvisoryLock(PostgresSettings settings, const std::string& worker_id, std::chrono::milliseconds ttl)
    : settings_(std::move(settings)), application_(std::string(kApplicationPrefix) + worker_id), ttl_(ttl) {}

PostgresConnection& AdvisoryLock::connection() {
  if (!connection_) {
    connection_.emplace(settings_, ConnectionKind::Ordinary, interrupted_.get_token());
    connection_->answer_within(kAnswerWithin);
    set_liveness(*connection_, ttl_);
    connection_->query("SELECT set_config('application_name', $1, false)", {application_});
  }
  return *connection_;
}

bool AdvisoryLock::try_take() {
  try {
    QueryResult taken = connection().query(fmt::format("SELECT pg_try_advisory_lock({})", kLeaderLock));
    held_ = taken.boolean(0, 0);
  } catch (const Error&) {
    connection_.reset();
    throw;
  }
  if (held_) own_backend_ = connection_->backend();
  return held_;
}

void AdvisoryLock::depose_hung_holder() {
  if (!connection_ || held_) return;
  // A holder whose activity is not tracked has no times, and is left alone.
  QueryResult hung =
      connection_->query(fmt::format("SELECT a.pid, a.application_name, pg_terminate_backend(a.pid) {} AND "
                                     "(clock_timestamp() - greatest(a.state_change, a.query_start) > $1::interval "
                                     "OR (a.pid = $2::int AND a.application_name = $3))",
                                     holders_from_where()),
                         {fmt::format("{} milliseconds", ttl_.count()), std::to_string(own_backend_), application_});
  for (std::size_t row = 0; row < hung.rows(); ++row) {
    if (hung.number(row, 0) == static_cast<std::uint64_t>(own_backend_)) {
      log::info("this worker's earlier session with the leader's lock (server process {}) is ended", own_backend_);
      continue;
    }
    log::warn("{} (server process {}) has given no sign of life for {} ms: its session is ended", hung.text(row, 1),
              hung.text(row, 0), ttl_.count());
  }
}

Lease::Clock::time_point AdvisoryLock::renew(Lease::Clock::time_point until) {
  auto asked = Lease::Clock::now();
  try {
    if (!held_ || !connection_) throw Error(ErrorCode::LeadershipLost, "there is no session that could have the lock");
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - asked);
    connection_->answer_within(std::max(left, std::chrono::milliseconds(1)));
    connection_->query("SELECT 1");
    return valid_from(asked);
  } catch (const Error& error) {
    held_ = false;
    connection_.reset();
    throw Error(ErrorCode::LeadershipLost, "the session with the leader's lock is gone: " + error.message());
  }
}

void AdvisoryLock::release() noexcept {
  // The lock goes with the session.
  connection_.reset();
  held_ = false;
  interrupted_ = std::stop_source();
}

std::string AdvisoryLock::holder() {
  if (held_) return application_.substr(kApplicationPrefix.size());
  if (!connection_) return {};
  QueryResult found = connection_->query("SELECT a.application_name " + holders_from_where());
  if (found.rows() == 0 || !found.text(0, 0).starts_with(kApplicationPrefix)) return {};
  return std::string(found.text(0, 0).substr(kApplicationPrefix.size()));
}

}  // namespace echodb
