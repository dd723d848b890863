#include "control/leadership_lock.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "catalog/session_endings.h"
#include "config/limits.h"
#include "control/claim_leadership.sql.h"
#include "control/leadership_holders.sql.h"
#include "control/leadership_obstacle.sql.h"
#include "control/lock_views.h"
#include "control/source_identity.h"
#include "postgres/direct_connection.h"

namespace echodb {
namespace {

constexpr std::string_view kApplicationPrefix = "echodb leader ";
/// A session that is not asked to renew has this long for each answer.
constexpr std::chrono::seconds kAnswerWithin{5};

/// The server gives a silent session up after five sixths of the TTL, and the holder itself after two thirds. No
/// timeout of the role or the database ends a session that holds the lock or waits for its turn to.
void set_liveness(PostgresConnection& connection, std::chrono::milliseconds ttl) {
  auto seconds = [](std::chrono::milliseconds time) { return std::chrono::ceil<std::chrono::seconds>(time).count(); };
  connection.execute(
      fmt::format("SET tcp_keepalives_idle = {}; SET tcp_keepalives_interval = {}; SET tcp_keepalives_count = 3; "
                  "SET tcp_user_timeout = {}",
                  seconds(ttl / 3), seconds(ttl / 6), (ttl * 5 / 6).count()));
  connection.execute(
      "SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN "
      "('idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout')");
}

/// Of several hosts, two may take themselves for the primary. `other`: the id of another session.
void require_same_server(PostgresConnection& connection, const std::string& other) {
  QueryResult there = connection.query(
      "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid::text || ' ' || backend_start::text = $1)", {other});
  if (there.boolean(0, 0)) return;
  throw Error(ErrorCode::LeadershipLost, "the two sessions for the leader's lock are on different servers",
              "let POSTGRES_HOST name hosts of which one is the primary");
}

bool is_view_missing(const Error& error) { return error.sqlstate() == "42P01" || error.sqlstate() == "3F000"; }

}  // namespace

LeadershipLock::LeadershipLock(PostgresSettings settings, const std::string& worker_id, std::chrono::milliseconds ttl)
    : settings_(std::move(settings)), application_(std::string(kApplicationPrefix) + worker_id), ttl_(ttl) {}

PostgresConnection LeadershipLock::connect(std::size_t number) {
  PostgresConnection made(settings_, ConnectionKind::Ordinary, interrupted_.get_token());
  made.answer_within(kAnswerWithin);
  set_liveness(made, ttl_);
  QueryResult named = made.query(
      "SELECT set_config('application_name', $1, false), (SELECT pid::text || ' ' || backend_start::text "
      "FROM pg_stat_activity WHERE pid = pg_backend_pid())",
      {application_});
  ids_.at(number) = named.text(0, 1);
  direct_.at(number) = is_direct(made);
  return made;
}

PostgresConnection& LeadershipLock::session(std::size_t number) {
  std::optional<PostgresConnection>& session = sessions_.at(number);
  if (!session) {
    session.emplace(connect(number));
    // Another server, or another life of the same, as far as anybody knows.
    if (number == 0) {
      watch_ = {};
      source_.clear();
    }
  }
  return *session;
}

void LeadershipLock::disconnect() noexcept {
  for (auto& session : sessions_) session.reset();
  held_ = false;
}

bool LeadershipLock::take(PostgresConnection& candidate) {
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
    if (!take(candidate)) return false;
    require_same_server(session(1), ids_[0]);
    own_ = ids_;
    holding_ = 0;
    began_ = asked;
    held_ = true;
  } catch (const Error&) {
    disconnect();
    throw;
  }
  return true;
}

LeaderClaim LeadershipLock::claim() const {
  return {.sessions = ids_, .direct = direct_[0] && direct_[1], .lease_lasts = lease_lasts()};
}

template <typename Work>
void LeadershipLock::through_session(Work work) {
  try {
    work(session(0));
  } catch (const Error&) {
    disconnect();
    throw;
  }
}

const std::string& LeadershipLock::source() {
  through_session([&](PostgresConnection& connection) {
    if (source_.empty()) {
      source_ = describe_database(connection, settings_, interrupted_.get_token());
    } else {
      connection.execute("SELECT 1");
    }
  });
  return source_;
}

void LeadershipLock::look_after_holder() {
  if (!sessions_[0] || held_) return;
  through_session([this](PostgresConnection& connection) {
    // First how many sessions the server has ended, then which there are: see HolderWatch::look().
    std::string endings = session_endings(connection);
    QueryResult found = connection.execute(std::string(sql::leadership_holders));
    auto now = Lease::Clock::now();
    std::vector<LeaderSession> there;
    for (std::size_t row = 0; row < found.rows(); ++row) {
      there.push_back({.id = std::string(found.text(row, 0)),
                       .application = std::string(found.text(row, 1)),
                       .last_seen = std::string(found.text(row, 2)),
                       .holds = found.boolean(row, 3)});
    }
    watch_.look(there, std::move(endings), now);
    for (const LeaderSession& lost : there) {
      bool own = std::ranges::find(own_, lost.id) != own_.end();
      if (lost.holds && own) end_session(lost, "this worker has lost sight of it");
    }
    for (const LeaderSession& silent : watch_.silent_holders(ttl_, now)) {
      end_session(silent, fmt::format("it has given no sign of life for {} ms", ttl_.count()));
    }
  });
}

/// Unless it has given a sign of life since it was looked at.
void LeadershipLock::end_session(const LeaderSession& session, const std::string& why) {
  QueryResult ended = sessions_[0]->query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid::text || ' ' || backend_start::text = $1 "
      "AND coalesce(greatest(state_change, query_start)::text, '') = $2",
      {session.id, session.last_seen});
  if (ended.rows() == 0 || !ended.boolean(0, 0)) return;
  watch_.note_ended(session.id);
  log::warn("the session of {} with the leader's lock (server process {}) is ended: {}", session.application,
            session.id.substr(0, session.id.find(' ')), why);
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
    return asked + lease_lasts();
  } catch (const Error& error) {
    // The sessions stay open as long as this worker may be writing: see HolderWatch::were_closed().
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
  bool held = found.rows() > 0 && found.boolean(0, 3);
  if (!held || !found.text(0, 1).starts_with(kApplicationPrefix)) return {};
  return std::string(found.text(0, 1).substr(kApplicationPrefix.size()));
}

std::string LeadershipLock::obstacle() {
  return std::string(session(0).execute(std::string(sql::leadership_obstacle)).text(0, 0));
}

}  // namespace echodb
