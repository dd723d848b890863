#include "control/teardown.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <optional>
#include <utility>

#include "base/failpoint.h"
#include "catalog/store.h"
#include "clickhouse/client.h"
#include "clickhouse/quoting.h"
#include "control/ends.h"
#include "control/leadership_holders.sql.h"
#include "control/publications.h"
#include "control/slot_state.h"
#include "control/teardown_statements.sql.h"
#include "postgres/connection.h"
#include "postgres/own_schema.h"
#include "replication/bookmark.h"
#include "replication/table_registry.h"
#include "replication/target_steps.h"

namespace echodb {
namespace {

/// So long an application's table is waited for, each in turn; what waits keeps others from it.
constexpr const char* kLockTimeout = "SET lock_timeout = '3s'";
constexpr std::size_t kNamesShown = 5;

std::string some_of(const std::vector<std::string>& names) {
  if (names.size() <= kNamesShown) return fmt::format("{}", fmt::join(names, ", "));
  return fmt::format("{} and {} more", fmt::join(names.begin(), names.begin() + kNamesShown, ", "),
                     names.size() - kNamesShown);
}

std::vector<std::string> names_in(const QueryResult& result) {
  std::vector<std::string> names;
  for (std::size_t row = 0; row < result.rows(); ++row) names.emplace_back(result.text(row, 0));
  return names;
}

Error at_work(const std::string& sign) {
  return {ErrorCode::LeadershipLost, fmt::format("a worker is there: {}", sign),
          "stop the workers (or `echodb up`) first; a worker that starts meanwhile would put everything back"};
}

class Teardown {
 public:
  Teardown(const Settings& settings, const TeardownOptions& options, std::stop_token stop)
      : settings_(settings),
        options_(options),
        stop_(std::move(stop)),
        source_(settings.postgres, ConnectionKind::Ordinary, stop_),
        guard_(settings.postgres, ConnectionKind::Ordinary, stop_),
        catalog_(settings.postgres, "teardown", stop_) {}

  TeardownReport run();

 private:
  void look_at_target();
  void keep_workers_out();
  void drop_event_triggers();
  void drop_publications();
  [[nodiscard]] std::vector<std::string> publications() const;
  void release_tables();
  void drop_slots();
  void clean_target();
  void clean_tables(TargetClient& clickhouse, const ServerVersion& server);
  void clean_table(const TableRecord& table, TargetClient& clickhouse, const ServerVersion& server);
  void name_what_stays();
  void drop_schema();
  void take(const std::string& what, const std::function<void()>& deed);

  const Settings& settings_;
  const TeardownOptions& options_;
  std::stop_token stop_;
  PostgresConnection source_;
  PostgresConnection guard_;  ///< in a transaction that keeps every worker from leading
  CatalogStore catalog_;
  std::vector<StreamRecord> streams_;
  bool has_target_ = false;  ///< it is ours, and was not cleaned by an earlier run
  std::vector<std::string> mirrors_kept_;
  TeardownReport report_;
};

TeardownReport Teardown::run() {
  if (!source_.query("SELECT to_regnamespace('_echodb') IS NOT NULL").boolean(0, 0)) {
    for (const OrphanSlot& slot : find_orphan_slots(source_)) {
      report_.left.push_back(
          fmt::format("the slot {}, which nobody of this database reads any more: "
                      "SELECT pg_drop_replication_slot({});",
                      slot.name, quote_sql_literal(slot.name)));
    }
    return std::move(report_);
  }
  require_own_schema(source_);
  streams_ = catalog_.streams();
  keep_workers_out();
  if (!options_.leaves_target) look_at_target();
  source_.execute(kLockTimeout);
  // Without the triggers nothing of what follows is heard, and without the publications no table needs what it loses.
  drop_event_triggers();
  drop_publications();
  release_tables();
  drop_slots();
  if (options_.leaves_target) {
    name_what_stays();
  } else if (has_target_) {
    clean_target();
  }
  if (report_.left.empty()) {
    drop_schema();
  } else {
    report_.left.emplace_back("the schema _echodb, which knows of the above: run this again");
  }
  return std::move(report_);
}

/// A run that has cleaned the target has the catalog forget it, before the bookmark goes.
void Teardown::look_at_target() {
  const std::string hint =
      "set CLICKHOUSE_DATABASE and the other CLICKHOUSE_… variables to where the tables are mirrored to; or leave what "
      "is in ClickHouse as it is, by --leave-target";
  const bool expected = std::ranges::any_of(streams_, [](const auto& stream) { return !stream.target_id.empty(); });
  EndsComparison ends;
  try {
    ends = compare_ends(settings_, catalog_, stop_);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::Stopped) throw;
    throw Error(error.code(), error.message(), hint);
  }
  has_target_ = ends.bookmark && ends.owner.empty();
  if (has_target_ || !expected) return;
  const std::string& database = settings_.clickhouse.database;
  if (ends.bookmark) {
    throw Error(ErrorCode::TargetTaken, fmt::format("ClickHouse's database {} belongs to {}", database, ends.owner),
                hint);
  }
  throw Error(ErrorCode::InvalidConfiguration,
              fmt::format("ClickHouse's database {} is not the one that database {} is mirrored to: it has no {}",
                          database, settings_.postgres.database, kBookmarkTable),
              hint);
}

void Teardown::keep_workers_out() {
  if (options_.only_says) return;
  // A follower would lead once nobody keeps it from that, and set everything up again.
  const QueryResult workers = source_.query(std::string(sql::leadership_holders));
  if (workers.rows() > 0) throw at_work(fmt::format("its session calls itself {}", workers.text(0, 1)));
  for (const StreamRecord& stream : streams_) {
    const std::optional<SlotState> slot = look_at_slot(source_, stream.slot);
    if (slot && slot->active) throw at_work(fmt::format("it reads the slot {}", stream.slot));
  }
  if (!source_.query("SELECT to_regclass('_echodb.leadership') IS NOT NULL").boolean(0, 0)) return;
  guard_.execute("SET idle_in_transaction_session_timeout = 0");
  guard_.execute("BEGIN");
  try {
    guard_.execute("LOCK TABLE _echodb.leadership IN EXCLUSIVE MODE NOWAIT");
  } catch (const Error& error) {
    if (error.code() != ErrorCode::SourceBusy) throw;
    throw at_work("somebody has locked _echodb.leadership");
  }
}

/// What fails is left, and said.
void Teardown::take(const std::string& what, const std::function<void()>& deed) {
  if (options_.only_says) return report_.done.push_back(what);
  try {
    deed();
    report_.done.push_back(what);
    failpoint("teardown.step_done");
  } catch (const Error& error) {
    if (error.code() == ErrorCode::Stopped) throw;
    report_.left.push_back(fmt::format("{}: {}", what, error.what()));
  }
}

void Teardown::drop_event_triggers() {
  const std::vector<std::string> names = names_in(
      source_.query("SELECT quote_ident(e.evtname) FROM pg_event_trigger e JOIN pg_proc f ON f.oid = e.evtfoid "
                    "WHERE f.pronamespace = to_regnamespace('_echodb') ORDER BY 1"));
  for (const std::string& name : names) {
    take(fmt::format("the event trigger {}", name), [&] { source_.execute("DROP EVENT TRIGGER IF EXISTS " + name); });
  }
}

void Teardown::drop_publications() {
  const std::vector<std::string> names =
      names_in(source_.query("SELECT quote_ident(pubname) FROM pg_publication WHERE pubname::text = ANY ($1::text[])",
                             {to_array_text(publications())}));
  for (const std::string& name : names) {
    take(fmt::format("the publication {}", name), [&] { source_.execute("DROP PUBLICATION IF EXISTS " + name); });
  }
}

std::vector<std::string> Teardown::publications() const {
  std::vector<std::string> names;
  for (const StreamRecord& stream : streams_)
    std::ranges::copy(publication_names(stream.publication), std::back_inserter(names));
  return names;
}

/// Each table in a transaction of its own, so that one lock is held at a time.
void Teardown::release_tables() {
  const QueryResult steps = source_.query(std::string(sql::teardown_statements), {to_array_text(publications())});
  for (std::size_t row = 0; row < steps.rows(); ++row) {
    const std::string kind(steps.text(row, 0));
    const std::string what = kind == "trigger"
                                 ? fmt::format("the trigger of {}", steps.text(row, 1))
                                 : fmt::format("the replica identity of {}, as it was before", steps.text(row, 1));
    if (!steps.is_null(row, 3)) {
      report_.kept.push_back(fmt::format("{}: {}", what, steps.text(row, 3)));
      continue;
    }
    take(fmt::format("{}: {}", what, steps.text(row, 2)), [&] {
      std::string statements(steps.text(row, 2));
      if (kind != "trigger")
        statements += "; DELETE FROM _echodb.identity_set WHERE relation = " + std::string(steps.text(row, 4));
      source_.execute(statements);
    });
  }
}

void Teardown::drop_slots() {
  for (const StreamRecord& stream : streams_) {
    if (!look_at_slot(source_, stream.slot)) continue;
    take(fmt::format("the slot {}", stream.slot),
         [&] { source_.query("SELECT pg_drop_replication_slot($1)", {stream.slot}); });
  }
}

void Teardown::clean_target() {
  const std::string& database = settings_.clickhouse.database;
  const std::string what = fmt::format("what is EchoDB's own in ClickHouse's database {}", database);
  if (options_.only_says) report_.done.push_back(what);
  std::optional<ClickHouseClient> clickhouse;
  std::optional<ServerVersion> server;
  try {
    clickhouse.emplace(settings_.clickhouse.without_database(), stop_);
    server = clickhouse->server_version();
    clean_tables(*clickhouse, *server);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::Stopped) throw;
    report_.left.push_back(fmt::format("{}: {}", what, error.message()));
  }
}

void Teardown::name_what_stays() {
  std::vector<std::string> names;
  for (const StreamRecord& stream : streams_) {
    for (const TableRecord& table : catalog_.load_tables(stream.name)) {
      if (table.state != TableState::Dropped) names.push_back(table.target_name);
    }
  }
  report_.kept.push_back(
      fmt::format("in ClickHouse, where nobody writes them any more: {}, tables called _echodb_shadow_…, "
                  "and the mirrors {}",
                  kBookmarkTable, fmt::join(names, ", ")));
}

void Teardown::clean_tables(TargetClient& clickhouse, const ServerVersion& server) {
  const std::string& database = settings_.clickhouse.database;
  for (const StreamRecord& stream : streams_) {
    for (const TableRecord& table : catalog_.load_tables(stream.name)) clean_table(table, clickhouse, server);
  }
  if (!mirrors_kept_.empty()) {
    report_.kept.push_back(fmt::format("the mirrors, into which nobody writes: {}", some_of(mirrors_kept_)));
  }
  const TargetTable bookmark{database, std::string(kBookmarkTable)};
  take(fmt::format("the bookmark {}", qualified(bookmark)), [&] {
    for (const StreamRecord& stream : streams_) catalog_.save_target(stream.name, "", stream.target_number);
    drop_target(clickhouse, bookmark, server);
  });
  if (options_.drops_targets) report_.kept.push_back(fmt::format("the database {}", database));
}

void Teardown::clean_table(const TableRecord& table, TargetClient& clickhouse, const ServerVersion& server) {
  const std::string& database = settings_.clickhouse.database;
  if (!options_.only_says) drop_shadow(clickhouse, shadow_table(database, table.oid), server);
  std::vector<std::string> names = table.earlier_names;
  names.push_back(table.target_name);
  for (const std::string& name : names) {
    const TargetTable target{database, name};
    if (!is_there(clickhouse, target)) continue;
    if (!is_ours(clickhouse, target)) {
      report_.kept.push_back(fmt::format("{}: EchoDB did not make it", qualified(target)));
    } else if (options_.drops_targets) {
      take(fmt::format("the mirror {}", qualified(target)), [&] { drop_if_ours(clickhouse, target, server); });
    } else {
      mirrors_kept_.push_back(name);
    }
  }
}

void Teardown::drop_schema() {
  take("the schema _echodb", [&] {
    guard_.execute("SET client_min_messages = warning");
    guard_.execute(kLockTimeout);
    guard_.execute("DROP SCHEMA _echodb CASCADE");
    guard_.execute("COMMIT");
  });
}

}  // namespace

TeardownReport teardown(const Settings& settings, const TeardownOptions& options, std::stop_token stop) {
  return Teardown(settings, options, std::move(stop)).run();
}

}  // namespace echodb
