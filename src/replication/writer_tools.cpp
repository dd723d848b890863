#include "replication/writer_tools.h"

#include <optional>
#include <utility>

#include "clickhouse/client.h"
#include "replication/copy_start.h"
#include "replication/ddl_message.h"

namespace echodb {
namespace {

class PostgresSource final : public SourceClient {
 public:
  PostgresSource(PostgresSettings settings, std::stop_token stop)
      : settings_(std::move(settings)), stop_(std::move(stop)) {}

  bool shows(std::span<const Xid> transactions) override { return all_visible(connection(), transactions); }
  void describe(Oid table, std::string_view tag) override { ask_for_description(connection(), table, tag); }
  Lsn flushed() override { return parse_lsn(connection().query("SELECT pg_current_wal_flush_lsn()::text").text(0, 0)); }
  void notify(const std::string& channel, const std::string& payload) override {
    connection().query("SELECT pg_notify($1, $2)", {channel, payload});
  }
  PostgresConnection& connection() override {
    if (connection_) return *connection_;
    PostgresConnection made(settings_, ConnectionKind::Ordinary, stop_);
    commit_locally(made);
    return connection_.emplace(std::move(made));
  }
  void close() override { connection_.reset(); }

 private:
  PostgresSettings settings_;
  std::stop_token stop_;
  std::optional<PostgresConnection> connection_;
};

}  // namespace

WriterConnections connect_writer(const ClickHouseSettings& clickhouse, const PostgresSettings& source,
                                 const std::stop_token& stop) {
  return {.clickhouse = std::make_unique<ClickHouseClient>(clickhouse, stop),
          .source = std::make_unique<PostgresSource>(source, stop)};
}

}  // namespace echodb
