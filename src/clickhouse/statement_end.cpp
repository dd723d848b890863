// The part of ClickHouseClient that sees to the end of statements.

#include <fmt/format.h>

#include <chrono>

#include "base/error.h"
#include "base/log.h"
#include "base/pause.h"
#include "clickhouse/client.h"

namespace echodb {
namespace {

/// A statement that is told to end and has not after this long is not going to soon.
constexpr std::chrono::seconds kEndPatience{5};
constexpr std::chrono::milliseconds kEndLookInterval{10};

}  // namespace

void ClickHouseClient::end_statement(std::string_view id) {
  try {
    if (end_statements(fmt::format("query_id = {}", quote_literal(id)))) return;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::TargetRejected) throw;
    log::warn("whether ClickHouse still works on statement {}, whose answer was lost, cannot be seen: {}", id,
              error.message());
    return;
  }
  throw Error(ErrorCode::TargetOverloaded, "ClickHouse still works on a statement whose answer was lost")
      .with("statement", id);
}

bool ClickHouseClient::end_statements(std::string_view condition) {
  const std::string kill = fmt::format("KILL QUERY WHERE {} ASYNC", condition);
  const auto until = std::chrono::steady_clock::now() + kEndPatience;
  for (bool said = false; !query(kill).empty(); said = true) {
    if (!said) log::info("ending statements of an earlier sender that ClickHouse still works on");
    if (std::chrono::steady_clock::now() > until) return false;
    pause(kEndLookInterval, stop_);
  }
  return true;
}

}  // namespace echodb
