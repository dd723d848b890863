#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "clickhouse/target_client.h"

namespace echodb::unit {

/// A target that answers as it is told to, and otherwise nothing.
class AnsweringTarget final : public TargetClient {
 public:
  using Answer = std::function<std::string(std::string_view)>;
  explicit AnsweringTarget(Answer answer) : answer_(std::move(answer)) {}

  using TargetClient::query;
  std::string query(std::string_view sql, const Parameters&) override { return answer_(sql); }
  std::string query_once(std::string_view sql) override { return answer_(sql); }
  void query_patiently(std::string_view sql) override { answer_(sql); }
  void insert(std::string_view, const Rows&, const Parameters&) override {}
  void insert_while(std::string_view, const RowsInTheMaking&, const Parameters&) override {}
  void end_statement(std::string_view) override {}

 private:
  Answer answer_;
};

}  // namespace echodb::unit
