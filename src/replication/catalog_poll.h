#pragma once

#include <chrono>
#include <map>
#include <string>
#include <thread>

#include "config/settings.h"
#include "postgres/connection.h"

namespace echodb {

/// Whether schema changes come by event triggers. Where the role may not create them, they are looked for.
bool has_event_triggers(PostgresConnection& source);

/// Looks through the source's catalog for tables that are new, other than written down, or gone, and has the source put
/// that into the log, where the stream finds it as if a trigger had said so, only later. In between, a Relation message
/// that does not fit tells the stream that it no longer knows the table (Stream::on_relation).
///
/// A thread owns the connection. Also run once where there are triggers, after a failover: a standby may have lost the
/// last entries of our catalog.
class CatalogPoll {
 public:
  struct Options {
    PostgresSettings source;
    std::string stream;
    std::chrono::milliseconds interval;
    bool once = false;
  };
  explicit CatalogPoll(Options options);

 private:
  void watch(std::stop_token stop);
  void look(PostgresConnection& source);

  Options options_;
  std::map<Oid, std::string> seen_;  ///< what was last put into the log, by its digest
  std::jthread thread_;
};

}  // namespace echodb
