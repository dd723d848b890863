#include "control/leadership_lock.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "config/limits.h"
#include "control/claim_leadership.sql.h"
#include "control/leadership_holders.sql.h"
#include "control/leadership_obstacle.sql.h"
#include "control/lock_views.h"

namespace echodb {
namespace {

constexpr std::string_view kApplicationPrefix = "echodb leader ";
/// A session that is not asked to renew has this long for each answer.
constexpr std::chrono::seconds kAnswerWithin{5};

/// The server gives a silent session up after five sixths of the TTL, and the holder itself after two thirds. No
/// timeout of the role or the database ends a session that holds the lock or waits for its turn to.
void set_liveness(PostgresConnection& connection, std::chrono::milliseconds ttl) {
  auto seconds = [](std::chrono::milliseconds time) {
    return std::max<std::int64_t>(1, std::chrono::duration_cast<std::chrono::seconds>(time).count());
  };
  connection.execute(
      fmt::format("SET tcp_keepalives_idle = {}; SET tcp_keepalives_interval = {}; SET tcp_keepalives_count = 3; "
                  "SET tcp_user_timeout = {}",
                  seconds(ttl / 3), seconds(ttl / 6), (ttl * 5 / 6).count()));
  connection.execute(
      "SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN "
      "('idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout')");
}

bool is_view_missing(const Error& error) { return error.sqlstate() == "42P01" || error.sqlstate() == "3F000"; }

}  // namespace

LeadershipLock::LeadershipLock(PostgresSettings settings, const std::string& worker_id, std::chrono::milliseconds ttl)
    : settings_(std::move(settings)), application_(std::string(kApplicationPrefix) + worker_id), ttl_(ttl) {}

PostgresConnection& LeadershipLock::session(std::size_t number) {
  std::optional<PostgresConnection>& session = sessions_.at(number);
  if (!session) {
    PostgresConnection made(settings_, ConnectionKind::Ordinary, interrupted_.get_token());
    made.answer_within(kAnswerWithin);
    set_liveness(made, ttl_);
    made.query("SELECT set_config('application_name', $1, false)", {application_});
    session.emplace(std::move(made));
  }
  return *session;
}

void LeadershipLock::disconnect() noexcept {
  for (auto& session : sessions_) session.reset();
  held_ = false;
}

bool LeadershipLock::claim(PostgresConnection& candidate) {
  try {
    if (candidate.execute(std::string(sql::claim_leadership)).boolean(0, 0)) return true;
    candidate.execute("ROLLBACK");
  } catch (const Error& error) {
    if (!is_view_missing(error)) throw;
    candidate.execute("ROLLBACK");
    install_lock_views(candidate);
  }
  return false;
}

bool LeadershipLock::try_take() {
  try {
    PostgresConnection& candidate = session(0);
    auto asked = Lease::Clock::now();
    if (!claim(candidate)) return false;
    own_backends_ = {candidate.backend(), session(1).backend()};
    holding_ = 0;
    began_ = asked;
    held_ = true;
  } catch (const Error&) {
    disconnect();
    throw;
  }
  return true;
}

void LeadershipLock::depose_hung_holder() {
  if (!sessions_[0] || held_) return;
  // A holder whose activity is not tracked has no times, and is left alone.
  QueryResult hung = sessions_[0]->query(
      fmt::format("SELECT DISTINCT pid, application_name, pid IN ($2::int, $3::int) AND application_name = $4, "
                  "pg_terminate_backend(pid) FROM (SELECT DISTINCT ON (pid) * FROM ({}) h) h "
                  "WHERE clock_timestamp() - last_seen > $1::interval "
                  "OR (pid IN ($2::int, $3::int) AND application_name = $4)",
                  sql::leadership_holders),
      {fmt::format("{} milliseconds", ttl_.count()), std::to_string(own_backends_[0]), std::to_string(own_backends_[1]),
       application_});
  for (std::size_t row = 0; row < hung.rows(); ++row) {
    if (hung.boolean(row, 2)) {
      log::info("this worker's earlier session with the leader's lock (server process {}) is ended", hung.text(row, 0));
      continue;
    }
    log::warn("{} (server process {}) has given no sign of life for {} ms: its session is ended", hung.text(row, 1),
              hung.text(row, 0), ttl_.count());
  }
}

/// Between the two statements both sessions have the lock: there is no instant at which a candidate could get it.
void LeadershipLock::pass_on() {
  PostgresConnection& next = *sessions_.at(1 - holding_);
  auto asked = Lease::Clock::now();
  next.execute("BEGIN ISOLATION LEVEL READ COMMITTED; LOCK TABLE _echodb.leadership IN ROW SHARE MODE NOWAIT");
  sessions_.at(holding_)->execute("COMMIT");
  holding_ = 1 - holding_;
  began_ = asked;
}

Lease::Clock::time_point LeadershipLock::renew(Lease::Clock::time_point until) {
  auto asked = Lease::Clock::now();
  try {
    if (!held_ || !sessions_[0] || !sessions_[1]) {
      throw Error(ErrorCode::LeadershipLost, "there is no session that could have the lock");
    }
    for (auto& session : sessions_) {
      auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Lease::Clock::now());
      session->answer_within(std::max(left, std::chrono::milliseconds(1)));
      // The simple protocol: a portal of the other one would keep its snapshot until the transaction ends.
      session->execute("SELECT 1");
    }
    if (asked - began_ >= limits::kLeadershipTransactionMax / 2) pass_on();
    return valid_from(asked);
  } catch (const Error& error) {
    disconnect();
    throw Error(ErrorCode::LeadershipLost, "the session with the leader's lock is gone: " + error.message());
  }
}

void LeadershipLock::release() noexcept {
  // The lock goes with its session.
  disconnect();
  interrupted_ = std::stop_source();
}

std::string LeadershipLock::holder() {
  if (held_) return application_.substr(kApplicationPrefix.size());
  QueryResult found = session(0).execute(std::string(sql::leadership_holders));
  if (found.rows() == 0 || !found.text(0, 1).starts_with(kApplicationPrefix)) return {};
  return std::string(found.text(0, 1).substr(kApplicationPrefix.size()));
}

std::string LeadershipLock::obstacle() {
  return std::string(session(0).execute(std::string(sql::leadership_obstacle)).text(0, 0));
}

}  // namespace echodb
