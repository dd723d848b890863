#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "embedded/chdb_engine.h"
#include "embedded/clickhouse_request.h"
#include "embedded/connection_lease.h"
#include "embedded/insert_splitter.h"
#include "embedded/select_response.h"
#include "embedded/statement_text.h"
#include "embedded/values_tail.h"
#include "server/http_server.h"

namespace echodb {

struct ClickHouseServerIdentity {
  std::string user;
  std::string password;
  std::string database;
  std::string display_name;
};

/// One request that carries a statement. The data of an INSERT goes to the engine as it arrives; everything else is
/// gathered and run when the body is complete. A failure of a client that has the password is kept, and the rest of the
/// body read and dropped, until the client is ready for the answer.
class ClickHouseExchange : public HttpExchange {
 public:
  ClickHouseExchange(ChdbEngine& engine, const ClickHouseServerIdentity& identity, const HttpRequest& http);

  /// A client without the password is refused before its statement is read.
  std::optional<HttpResponse> early_answer() override;
  [[nodiscard]] bool is_trusted() const override { return authenticated_; }
  void on_body(Bytes bytes) override;
  HttpResponse finish() override;

 private:
  struct RunningInsert {
    std::unique_ptr<ConnectionLease> lease;
    ChdbInsert insert;
    std::optional<ValuesTail> values;  ///< when the data is in VALUES
  };

  void begin(const HttpRequest& http);
  void authenticate(const HttpRequest& http) const;
  void receive(Bytes plain);
  void start_insert(const StatementSplit& split);
  void append(Bytes bytes);
  std::unique_ptr<ConnectionLease> lease() const;

  HttpResponse run();
  HttpResponse finish_insert();
  HttpResponse run_select(std::unique_ptr<ConnectionLease> held, const StatementText& statement);
  HttpResponse run_whole(std::unique_ptr<ConnectionLease> held, const StatementText& statement, StatementClass kind);
  void check(const StatementText& statement, const StatementAnalysis& analysis, ChdbConnection& connection) const;

  void add_common_headers(HttpResponse& response) const;
  void add_result_headers(HttpResponse& response, std::string_view format) const;
  void add_summary(HttpResponse& response, const StatementCounts& counts) const;
  HttpResponse failed(const Error& failure) const;

  ChdbEngine& engine_;
  const ClickHouseServerIdentity& identity_;
  const std::string query_id_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  ClickHouseRequest request_;
  std::unique_ptr<ContentDecoder> decoder_;
  bool authenticated_ = false;
  bool has_body_ = false;
  std::string text_;               // the statement, as far as it has come
  std::size_t look_again_at_ = 0;  // size of text_ at which it is worth splitting again
  std::optional<RunningInsert> insert_;
  std::optional<Error> failure_;
  std::size_t dropped_bytes_ = 0;
};

/// The failure as ClickHouse prints it, with the version.
std::string failure_text(const Error& failure, const std::string& version);

}  // namespace echodb
