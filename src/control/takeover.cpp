#include "control/takeover.h"

#include <fmt/format.h>

#include <chrono>

#include "base/error.h"
#include "base/log.h"
#include "base/pause.h"
#include "clickhouse/client.h"
#include "postgres/connection.h"

namespace echodb {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kTakeoverLookInterval = 10ms;
/// A process that is told to end and has not after this long is not going to soon.
constexpr auto kPatience = 5s;

std::string stream_prefix(const Settings& settings, const StreamRecord& stream) {
  return fmt::format("echodb-{}-{}-", settings.clickhouse.database, stream.slot);
}

}  // namespace

Settings leader_settings(const Settings& settings, const StreamRecord& stream, const Epoch& epoch,
                         std::shared_ptr<const WritePermit> lease) {
  Settings of_leader = settings;
  of_leader.clickhouse.permit = std::move(lease);
  of_leader.clickhouse.query_id_prefix = fmt::format("{}{}-", stream_prefix(settings, stream), epoch.number);
  return of_leader;
}

namespace {

void kill_until_gone(ClickHouseClient& clickhouse, const std::string& kill, const std::stop_token& stop) {
  auto until = Clock::now() + kPatience;
  for (bool said = false; !stop.stop_requested(); said = true) {
    if (clickhouse.query(kill).empty()) return;
    if (!said) log::info("ending what an earlier leader left running in ClickHouse");
    if (Clock::now() > until) {
      log::warn("ClickHouse still works on statements of an earlier leader; they repeat what is written now");
      return;
    }
    pause(kTakeoverLookInterval, stop);
  }
}

}  // namespace

void end_older_statements(const Settings& of_leader, const StreamRecord& stream, std::stop_token stop) {
  ClickHouseClient clickhouse(of_leader.clickhouse, stop);
  std::string kill =
      fmt::format("KILL QUERY WHERE startsWith(query_id, {}) AND NOT startsWith(query_id, {}) ASYNC",
                  quote_literal(stream_prefix(of_leader, stream)), quote_literal(of_leader.clickhouse.query_id_prefix));
  try {
    kill_until_gone(clickhouse, kill, stop);
  } catch (const Error& error) {
    // Another user's, perhaps, or a server that refuses it to everybody.
    if (error.code() != ErrorCode::TargetRejected) throw;
    log::warn("what an earlier leader may have left running in ClickHouse cannot be ended: {}", error.message());
  }
}

void take_slot(const Settings& settings, const StreamRecord& stream, std::stop_token stop) {
  PostgresConnection source(settings.postgres, ConnectionKind::Ordinary, stop);
  auto until = Clock::now() + kPatience;
  for (bool said = false; !stop.stop_requested(); said = true) {
    QueryResult reader = source.query(
        "SELECT active_pid, pg_terminate_backend(active_pid) FROM pg_replication_slots "
        "WHERE slot_name = $1 AND active_pid IS NOT NULL",
        {stream.slot});
    if (reader.rows() == 0) return;
    if (!said) log::info("the slot {} is still read by process {}: ending it", stream.slot, reader.text(0, 0));
    if (Clock::now() > until) {
      throw Error(ErrorCode::SlotBusy,
                  fmt::format("process {} of the source reads the slot and does not end", reader.text(0, 0)))
          .with("slot", stream.slot);
    }
    pause(kTakeoverLookInterval, stop);
  }
}

}  // namespace echodb
