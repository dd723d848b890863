#include "control/slot_reader.h"

#include <fmt/format.h>

#include <chrono>
#include <string>

#include "base/error.h"
#include "base/log.h"
#include "base/pause.h"

namespace echodb {
namespace {

using namespace std::chrono_literals;
constexpr auto kReaderLookInterval = 200ms;
constexpr auto kReaderPatience = 60s;

struct SlotReader {
  std::string pid;  ///< empty: nobody reads the slot
  bool somebody_leads = false;
};

/// A candidate has the leader's lock as well, for an instant.
SlotReader look_for_reader(PostgresConnection& source, const std::string& slot) {
  QueryResult found = source.query(
      "SELECT coalesce((SELECT active_pid::text FROM pg_replication_slots WHERE slot_name = $1), ''), "
      "EXISTS (SELECT FROM pg_locks WHERE locktype = 'relation' AND granted AND mode = 'RowShareLock' "
      "AND relation = to_regclass('_echodb.leadership') "
      "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
      {slot});
  return {.pid = std::string(found.text(0, 0)), .somebody_leads = found.boolean(0, 1)};
}

std::string waiting(const std::string& slot, const SlotReader& reader, bool left_to_worker) {
  if (left_to_worker) return "waiting until the worker that leads has made the stream again";
  return fmt::format("the slot {} is read by process {}: waiting until it ends", slot, reader.pid);
}

Error still_read(const std::string& slot, const std::string& pid) {
  return {ErrorCode::SlotBusy,
          fmt::format("the slot {} is still read by process {} of the source, and cannot be made again", slot, pid),
          "if that is a worker's, it makes the stream again by itself: see its log; else end its reader: SELECT "
          "pg_terminate_backend(pid)"};
}

}  // namespace

std::optional<StreamRecord> await_slot_reader(PostgresConnection& source, const StreamRecord& stream,
                                              const SlotReaderOptions& options, CatalogStore& catalog,
                                              const std::stop_token& stop) {
  const auto until = std::chrono::steady_clock::now() + kReaderPatience;
  for (bool said = false; !stop.stop_requested(); said = true) {
    std::optional<StreamRecord> now = catalog.find_stream(stream.name);
    if (now && now->remake.empty()) {
      log::info("the worker that leads has made the stream again");
      return now;
    }
    const SlotReader reader = look_for_reader(source, stream.slot);
    const bool left_to_worker = options.worker_can && reader.somebody_leads;
    const bool too_late = std::chrono::steady_clock::now() > until;
    if (reader.pid.empty() && (!left_to_worker || too_late)) return std::nullopt;
    if (too_late) throw still_read(stream.slot, reader.pid);
    if (!said) log::warn("{}", waiting(stream.slot, reader, left_to_worker));
    pause(kReaderLookInterval, stop);
  }
  throw Error(ErrorCode::Stopped, "stopped while waiting for the slot");
}

}  // namespace echodb
