#include "replication/catalog_poll.h"

#include <optional>

#include "base/log.h"
#include "base/pause.h"
#include "replication/ddl_message.h"

namespace echodb {

bool has_event_triggers(PostgresConnection& source) {
  QueryResult enabled = source.query(
      "SELECT count(*) FROM pg_event_trigger WHERE evtenabled IN ('A', 'O') AND evtname IN "
      "('peerdb_auto_mirror_trigger', 'peerdb_auto_mirror_drop_trigger', 'peerdb_auto_mirror_rewrite_trigger')");
  return enabled.number(0, 0) == 3;
}

CatalogPoll::CatalogPoll(Options options)
    : options_(std::move(options)), thread_([this](std::stop_token stop) { watch(std::move(stop)); }) {}

void CatalogPoll::watch(std::stop_token stop) {
  std::optional<PostgresConnection> source;
  while (!stop.stop_requested()) {
    try {
      if (!source) source.emplace(options_.source, ConnectionKind::Ordinary, stop);
      look(*source);
      if (options_.once) return;
    } catch (const Error& error) {
      // A table that is locked, or gone again, is looked at the next time; a source that cannot be reached is the
      // stream's to report.
      log::debug("looking for schema changes: {}", error.what());
      if (error.code() == ErrorCode::SourceUnreachable) source.reset();
    } catch (const std::exception& fault) {
      log::warn("looking for schema changes: {}", fault.what());
      source.reset();
    }
    pause(options_.interval, stop);
  }
}

void CatalogPoll::look(PostgresConnection& source) {
  std::optional<Error> failure;
  QueryResult tables = source.query("SELECT relation, digest, wanted FROM _echodb.look_through($1)", {options_.stream});
  for (std::size_t row = 0; row < tables.rows(); ++row) {
    Oid oid = static_cast<Oid>(tables.number(row, 0));
    std::string digest = std::string(tables.text(row, 1)) + std::string(tables.text(row, 2));
    auto seen = seen_.find(oid);
    bool news = seen == seen_.end() ? !tables.text(row, 2).empty() : seen->second != digest;
    if (!news) continue;
    try {
      if (tables.text(row, 2) == "drop") {
        source.query("SELECT _echodb.on_dropped($1::oid)", {tables.text(row, 0)});
      } else if (tables.text(row, 2) == "unwatch") {
        source.query("SELECT _echodb.unfollow($1::oid)", {tables.text(row, 0)});
      } else {
        ask_for_description(source, oid, kDescribeTag);
      }
      seen_[oid] = digest;
    } catch (const Error& error) {
      if (error.code() == ErrorCode::SourceUnreachable || error.code() == ErrorCode::Stopped) throw;
      // One table that cannot be had now is no reason to leave the others.
      failure = error;
    }
  }
  if (failure) throw Error(*failure);
}

}  // namespace echodb
