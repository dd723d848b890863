#include "replication/source_position.h"

#include <optional>

#include "base/log.h"
#include "base/pause.h"
#include "postgres/connection.h"

namespace echodb {
namespace {

constexpr std::chrono::seconds kAskInterval{1};

}  // namespace

SourcePosition::SourcePosition(PostgresSettings settings)
    : settings_(std::move(settings)), thread_([this](std::stop_token stop) { watch(std::move(stop)); }) {}

void SourcePosition::watch(std::stop_token stop) {
  std::optional<PostgresConnection> source;
  while (!stop.stop_requested()) {
    try {
      if (!source) source.emplace(settings_, ConnectionKind::Ordinary, stop);
      latest_ = parse_lsn(source->query("SELECT pg_current_wal_lsn()").text(0, 0)).value;
    } catch (const std::exception& error) {
      // The stream meets the same fault and reports it; here it only makes the figure old.
      log::debug("source position: {}", error.what());
      source.reset();
    }
    pause(kAskInterval, stop);
  }
}

}  // namespace echodb
