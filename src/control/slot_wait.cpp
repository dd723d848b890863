#include "control/slot_wait.h"

#include <fmt/format.h>
#include <pthread.h>

#include <chrono>

#include "base/error.h"
#include "base/log.h"
#include "base/pause.h"

namespace echodb {
namespace {

constexpr std::chrono::seconds kSlotLookInterval{1};

/// Whom the walsender that makes the slot waits for. A prepared transaction has no process: pid 0.
constexpr const char* kWaitedFor =
    "SELECT waited.pid, coalesce(other.usename, ''), coalesce(other.state, ''), "
    "coalesce(to_char(other.xact_start, 'YYYY-MM-DD HH24:MI:SS TZ'), '') "
    "FROM pg_stat_activity AS maker CROSS JOIN LATERAL unnest(pg_blocking_pids(maker.pid)) AS waited(pid) "
    "LEFT JOIN pg_stat_activity AS other ON other.pid = waited.pid "
    "WHERE maker.query LIKE 'CREATE_REPLICATION_SLOT %' AND strpos(maker.query, $1) > 0 ORDER BY waited.pid";

std::string waited_for(const QueryResult& others, std::size_t row) {
  if (others.text(row, 0) == "0") {
    return "a prepared transaction (SELECT * FROM pg_prepared_xacts; then COMMIT PREPARED or ROLLBACK PREPARED)";
  }
  std::string words = fmt::format("the transaction of pid {}", others.text(row, 0));
  if (!others.text(row, 1).empty()) words += fmt::format(", user {}", others.text(row, 1));
  if (!others.text(row, 2).empty()) words += fmt::format(", {}", others.text(row, 2));
  if (!others.text(row, 3).empty()) words += fmt::format(", open since {}", others.text(row, 3));
  return words + fmt::format(" (SELECT pg_terminate_backend({}) ends it)", others.text(row, 0));
}

}  // namespace

SlotWait::SlotWait(PostgresSettings source, std::string slot, Say say)
    : source_(std::move(source)),
      slot_(std::move(slot)),
      say_(std::move(say)),
      thread_([this](std::stop_token stop) { watch(std::move(stop)); }) {}

void SlotWait::watch(std::stop_token stop) {
  pthread_setname_np(pthread_self(), "slot-wait");
  while (true) {
    pause(kSlotLookInterval, stop);
    if (stop.stop_requested()) return;
    try {
      PostgresConnection source(source_, ConnectionKind::Ordinary, stop);
      look(source);
    } catch (const Error& error) {
      // Whoever makes the slot says what is wrong with the source.
      log::debug("cannot see what the slot {} waits for: {}", slot_, error.what());
    }
  }
}

void SlotWait::look(PostgresConnection& source) {
  QueryResult others = source.query(kWaitedFor, {quote_sql_identifier(slot_)});
  std::string words;
  for (std::size_t row = 0; row < others.rows(); ++row)
    words += (row == 0 ? "" : ", and for ") + waited_for(others, row);
  if (words.empty() || words == said_) return;
  said_ = words;
  say_(fmt::format("the slot {} can be made when every transaction that is open now has ended: waiting for {}", slot_,
                   words));
}

}  // namespace echodb
