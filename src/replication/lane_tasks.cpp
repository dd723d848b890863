#include "replication/lane_tasks.h"

#include <nlohmann/json.hpp>

#include "base/failpoint.h"
#include "base/log.h"
#include "replication/insert_completion.h"
#include "replication/last_rows.h"

namespace echodb {

namespace {

TargetClient::Parameters insert_parameters(const ServerVersion& server) {
  TargetClient::Parameters parameters;
  // A profile's asynchronous inserts would acknowledge rows that are not stored yet.
  constexpr int kAsyncInsertSinceMajor = 21;
  constexpr int kAsyncInsertSinceMinor = 11;
  if (server.at_least(kAsyncInsertSinceMajor, kAsyncInsertSinceMinor)) parameters["async_insert"] = "0";
  return parameters;
}

}  // namespace

void send_batch(TargetClient& clickhouse, const TableBatch& batch, const TargetTable& table,
                const ServerVersion& server) {
  if (batch.rows() == 0) return;
  NativeBlock block = batch.block();
  std::vector<Bytes> parts = block.parts();
  clickhouse.insert(batch.plan().insert_sql(table), {.data = parts, .count = batch.rows()}, insert_parameters(server));
}

void send_rows(TargetClient& clickhouse, const TablePlan& plan, const InsertTask::Target& target,
               const TargetClient::RowsInTheMaking& rows) {
  clickhouse.insert_while(plan.insert_sql(target.table), rows, insert_parameters(target.server));
}

void InsertTask::run(WriterTools& tools) {
  if (batch_ == nullptr) return;
  complete_batch(*batch_, target_, tools);
  keep_last_rows(*batch_);
  failpoint("insert.completed");
  send_batch(tools.clickhouse, *batch_, target_.table, target_.server);
  failpoint("insert.acknowledged");
}

void DescribeTask::run(WriterTools& tools) {
  if (!described_) {
    if (!tools.source.shows(must_see_)) {
      throw Error(ErrorCode::SourceBusy, "the source does not show a transaction yet that it has sent");
    }
    tools.source.describe(table_, tag_);
    described_ = true;
  }
  written_until = tools.source.flushed();
}

SchemaTask& SchemaTask::then(std::vector<std::string> statements) {
  for (std::string& statement : statements) {
    steps_.emplace_back([sql = std::move(statement)](WriterTools& tools) {
      log::debug("clickhouse: {}", sql);
      tools.clickhouse.query(sql);
    });
  }
  return *this;
}

SchemaTask& SchemaTask::then_notify(std::string channel, const TableSchema& table) {
  std::string payload = nlohmann::json{{"schema", table.schema}, {"table", table.name}}.dump();
  return then([channel = std::move(channel), payload = std::move(payload)](WriterTools& tools) {
    tools.source.notify(channel, payload);
  });
}

void SchemaTask::announce(WriterTools& tools) {
  if (before_) before_(tools);
  if (announces_target_ || announces_emptying_ || !earlier_names_.empty()) {
    TableRecord table = record_.table;
    table.emptying = announces_emptying_;
    if (!earlier_names_.empty()) table.earlier_names = earlier_names_;
    if (announces_target_) table.state = TableState::Pending;
    catalog_.save_table(record_.stream, table, announces_target_ ? &*record_.version : nullptr);
  }
  if (!pending_.empty()) {
    TableVersion version = *record_.version;
    version.pending = pending_;
    catalog_.announce_version(record_.stream, record_.table.oid, version);
  }
  announced_ = true;
}

void SchemaTask::run(WriterTools& tools) {
  if (!announced_) announce(tools);
  for (; steps_done_ < steps_.size(); ++steps_done_) {
    steps_[steps_done_](tools);
    failpoint("schema.step_done");
  }
  catalog_.save_table(record_.stream, record_.table, record_.version ? &*record_.version : nullptr);
  failpoint("schema.saved");
  if (!record_.event.empty()) {
    catalog_.journal({.table = record_.table.oid, .event = record_.event, .detail = record_.detail});
  }
  for (const Step& step : tidy_) step(tools);
  if (after_) after_();
}

}  // namespace echodb
