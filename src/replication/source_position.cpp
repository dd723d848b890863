#include "replication/source_position.h"

#include <optional>
#include <utility>

#include "base/log.h"
#include "base/pause.h"
#include "postgres/connection.h"

namespace echodb {
namespace {

constexpr std::chrono::seconds kAskInterval{1};

}  // namespace

SourcePosition::SourcePosition(PostgresSettings settings)
    : settings_(std::move(settings)), thread_([this](std::stop_token stop) { watch(std::move(stop)); }) {}

std::optional<std::string> SourcePosition::take_snapshot() {
  MutexLock lock(mutex_);
  return std::exchange(snapshot_, std::nullopt);
}

void SourcePosition::watch(std::stop_token stop) {
  std::optional<PostgresConnection> source;
  while (!stop.stop_requested()) {
    try {
      if (!source) source.emplace(settings_, ConnectionKind::Ordinary, stop);
      QueryResult now = source->query("SELECT pg_current_wal_lsn(), pg_current_snapshot()::text");
      latest_ = parse_lsn(now.text(0, 0)).value;
      MutexLock lock(mutex_);
      snapshot_ = now.text(0, 1);
    } catch (const std::exception& error) {
      // The stream meets the same fault and reports it; here it only makes the figure old.
      log::debug("source position: {}", error.what());
      source.reset();
    }
    pause(kAskInterval, stop);
  }
}

}  // namespace echodb
