#include "replication/writer_tools.h"

#include <optional>
#include <utility>

#include "clickhouse/client.h"
#include "replication/copy_start.h"

namespace echodb {
namespace {

class PostgresSource final : public SourceClient {
 public:
  PostgresSource(PostgresSettings settings, std::stop_token stop)
      : settings_(std::move(settings)), stop_(std::move(stop)) {}

  bool shows(std::span<const Xid> transactions) override { return all_visible(connection(), transactions); }
  void describe(Oid table, std::string_view tag) override {
    connection().query("SELECT _echodb.describe($1::oid, $2)", {std::to_string(table), std::string(tag)});
  }
  void notify(const std::string& channel, const std::string& payload) override {
    connection().query("SELECT pg_notify($1, $2)", {channel, payload});
  }
  PostgresConnection& connection() override {
    if (!connection_) connection_.emplace(settings_, ConnectionKind::Ordinary, stop_);
    return *connection_;
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
