#pragma once

#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "clickhouse/target_client.h"
#include "config/settings.h"
#include "postgres/connection.h"

namespace echodb {

/// One conversation with the source, for a writer. One owner at a time. Errors: those of PostgresConnection.
class SourceClient {
 public:
  virtual ~SourceClient() = default;

  /// Whether everybody sees what these transactions did.
  virtual bool shows(std::span<const Xid> transactions) = 0;
  /// Has the table published and its present schema put into the log. Safe to repeat.
  virtual void describe(Oid table, std::string_view tag) = 0;
  /// What this conversation has put into the log stands before it.
  virtual Lsn flushed() = 0;
  /// Tells whoever listens to this channel. Safe to repeat.
  virtual void notify(const std::string& channel, const std::string& payload) = 0;
  /// For look-ups, in SQL.
  virtual PostgresConnection& connection() = 0;
  /// What failed may have left it in the middle of something: the next call begins a new conversation.
  virtual void close() = 0;
};

/// What a step has to work with.
struct WriterTools {
  TargetClient& clickhouse;
  SourceClient& source;
  /// A statement of a step that needs many has been answered: the step is slow, not stuck.
  std::function<void()> progressed = [] {};
};

/// One writer's own conversations. What is asked to stop by the token leaves them in the middle of something: they are
/// of no more use then.
struct WriterConnections {
  std::unique_ptr<TargetClient> clickhouse;
  std::unique_ptr<SourceClient> source;

  [[nodiscard]] WriterTools tools(std::function<void()> progressed = [] {}) const {
    return {.clickhouse = *clickhouse, .source = *source, .progressed = std::move(progressed)};
  }
};
using ConnectWriter = std::function<WriterConnections(std::stop_token)>;

/// With these servers, once they are first asked something.
WriterConnections connect_writer(const ClickHouseSettings& clickhouse, const PostgresSettings& source,
                                 const std::stop_token& stop);

}  // namespace echodb
