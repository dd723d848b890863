#include "replication/target_watch.h"

#include <fmt/format.h>

#include <iterator>

#include "clickhouse/quoting.h"
#include "columns/row_binary_reader.h"

namespace echodb {
namespace {

using Clock = std::chrono::steady_clock;

/// The server counts whole seconds, so it may have been up for almost one more. Two lives that begin within a second
/// look like one.
struct UpSince {
  Clock::time_point earliest;
  Clock::time_point latest;
};

UpSince up_since(TargetClient& clickhouse) {
  const auto asked = Clock::now();
  const std::chrono::seconds uptime(std::stoll("0" + clickhouse.query("SELECT toUInt64(uptime())")));
  return {.earliest = asked - uptime - std::chrono::seconds(1), .latest = Clock::now() - uptime};
}

/// Names that are no UTF-8 are not ours, and do no harm here.
std::set<std::string> tables_of(TargetClient& clickhouse, const std::string& database) {
  const std::string answer = clickhouse.query(
      fmt::format("SELECT name FROM system.tables WHERE database = {} FORMAT RowBinary", quote_literal(database)));
  std::set<std::string> names;
  for (RowBinaryReader reader(as_bytes(answer)); !reader.at_end();) names.emplace(reader.read_string());
  return names;
}

}  // namespace

TargetFindings TargetWatch::look(TargetClient& clickhouse) {
  const UpSince up = up_since(clickhouse);
  TargetFindings found{.broken = find_broken_parts(clickhouse, database_), .tables = tables_of(clickhouse, database_)};
  std::lock_guard lock(mutex_);
  up_since_ = up.latest;
  return found;
}

void TargetWatch::look_again(TargetClient& clickhouse) {
  const UpSince up = up_since(clickhouse);
  bool has_restarted = false;
  {
    std::lock_guard lock(mutex_);
    has_restarted = up.earliest > up_since_;
  }
  TargetFindings found{.tables = tables_of(clickhouse, database_)};
  if (has_restarted) found.broken = find_broken_parts(clickhouse, database_);
  std::lock_guard lock(mutex_);
  // Only now: a look that failed is repeated.
  up_since_ = up.latest;
  // Nobody has taken what an earlier look found yet.
  if (found_) std::ranges::move(found_->broken, std::back_inserter(found.broken));
  found_ = std::move(found);
}

std::optional<TargetFindings> TargetWatch::take() {
  std::lock_guard lock(mutex_);
  return std::exchange(found_, std::nullopt);
}

}  // namespace echodb
