#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "clickhouse/quoting.h"
#include "clickhouse/target_client.h"
#include "config/settings.h"

namespace echodb {

/// One keep-alive connection to ClickHouse's HTTP interface. One owner at a time; every call has a deadline and ends
/// early with Error(Stopped) when its stop token says so. Nothing is sent through a closed gate or without the permit
/// of the settings, where they have any. Nothing counts as an answer but what ClickHouse says to the very statement
/// that was sent (server_answer.h).
class ClickHouseClient final : public TargetClient {
 public:
  explicit ClickHouseClient(ClickHouseSettings settings, std::stop_token stop = {});
  ~ClickHouseClient() override;
  ClickHouseClient(ClickHouseClient&&) noexcept;
  ClickHouseClient& operator=(ClickHouseClient&&) noexcept;

  using TargetClient::query;
  std::string query(std::string_view sql, const Parameters& parameters) override;
  /// libcurl, which sends a request again by itself when a connection that it kept ends without an answer, gets a new
  /// connection for it.
  std::string query_once(std::string_view sql) override;
  void query_patiently(std::string_view sql) override;
  void insert(std::string_view insert, const Rows& rows, const Parameters& parameters) override;
  void insert(std::string_view sql, const Rows& rows) { insert(sql, rows, Parameters()); }
  void insert_while(std::string_view insert, const RowsInTheMaking& rows, const Parameters& parameters) override;
  void insert_while(std::string_view sql, const RowsInTheMaking& rows) { insert_while(sql, rows, Parameters()); }

  /// Runs a statement and hands over what it prints as it comes; an exception of `consume` ends the request and passes
  /// through. The answer is complete on the server before its first byte leaves, so a failure is never taken for rows.
  void read(std::string_view sql, const std::function<void(Bytes)>& consume, const Parameters& parameters = {});

  ServerVersion server_version();
  /// Statements run in this database from now on; the database given at the start may not exist yet.
  void use_database(std::string database);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace echodb
