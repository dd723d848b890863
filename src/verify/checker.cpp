#include "verify/checker.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "control/setup.h"
#include "replication/ddl_message.h"

namespace echodb {
namespace {

constexpr int kAttemptsMax = 3;
constexpr std::chrono::milliseconds kCopyLookInterval{100};

}  // namespace

Checker::Checker(Settings settings, std::stop_token stop)
    : settings_(std::move(settings)), stop_(std::move(stop)), catalog_(settings_.postgres, "checker", stop_) {}

StreamRecord Checker::stream() {
  std::optional<StreamRecord> stream = catalog_.find_stream(stream_names(settings_).stream);
  if (!stream) {
    throw Error(ErrorCode::InvalidConfiguration, "nothing is mirrored from this database yet", "run `echodb setup`");
  }
  return *std::move(stream);
}

std::vector<TableRecord> Checker::tables() {
  std::vector<TableRecord> tables = catalog_.load_tables(stream().name);
  std::erase_if(tables, [](const TableRecord& table) { return table.state == TableState::Dropped || table.dropped; });
  return tables;
}

/// As the catalog has it now.
TableRecord Checker::mirrored(Oid table) {
  std::optional<TableRecord> found = catalog_.load_table(stream_names(settings_).stream, table);
  if (!found || found->state == TableState::Dropped || found->dropped) {
    throw Error(ErrorCode::SchemaMismatch, "the table is no longer mirrored");
  }
  return *std::move(found);
}

std::optional<TableRecord> Checker::find(const std::string& schema, const std::string& name) {
  for (TableRecord& table : tables()) {
    const TableSchema& now = table.versions.back().schema;
    if (now.schema == schema && now.name == name) return std::move(table);
  }
  return std::nullopt;
}

CheckReport Checker::check(const TableRecord& table, const CheckOptions& options, CheckRun& run) {
  CheckReport report{.table = table.versions.back().schema.qualified_name(),
                     .mode = options.mode,
                     .at = std::chrono::system_clock::now()};
  try {
    const std::string note = note_of(table);
    bool again = true;
    for (int number = 0; again && number < kAttemptsMax; ++number) report = attempt(table, options, run, again);
    if (report.needs_copy && options.repair) report = copy_again(table, options, run, std::move(report));
    report.note = note;
    record(table, report);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::Stopped) throw;
    report.reason = error.what();
  }
  return report;
}

CheckReport Checker::attempt(const TableRecord& table, const CheckOptions& options, CheckRun& run, bool& again) {
  const std::string stream = stream_names(settings_).stream;
  const std::string mark = catalog_.table_mark(stream, table.oid);
  const TableRecord record = mirrored(table.oid);
  auto is_changed = [&] { return catalog_.table_mark(stream, table.oid) != mark; };
  std::unique_ptr<CheckConnections> connections = run.take(settings_, stop_);
  const CheckEnvironment environment{.settings = settings_,
                                     .stream = this->stream(),
                                     .choices = type_choices(settings_, connections->target.server_version()),
                                     .connections = *connections,
                                     .silence = run.silence,
                                     .confirm = [&] {
                                       if (is_changed())
                                         throw Error(ErrorCode::SchemaMismatch,
                                                     "the table's mirror was changed while it was checked");
                                     }};
  CheckReport report = check_table(environment, record, options, stop_);
  if (report.verdict == Verdict::Equal) run.give_back(std::move(connections));
  again = report.verdict == Verdict::Unknown && report.repairs.empty() && is_changed();
  return report;
}

/// Empty when PostgreSQL's SELECT returns what was compared, and nothing more.
std::string Checker::note_of(const TableRecord& table) {
  const std::vector<ParentTable> parents = catalog_.find_parents(settings_);
  auto parent = std::ranges::find(parents, table.oid, &ParentTable::oid);
  if (parent == parents.end()) return {};
  return fmt::format("only the table's own rows were compared: its mirror {}", parent->words());
}

/// Through the log, as `echodb resync` asks for it. A copy that takes longer than a check waits goes on by itself.
CheckReport Checker::copy_again(const TableRecord& table, const CheckOptions& options, CheckRun& run,
                                CheckReport report) {
  const std::string stream = stream_names(settings_).stream;
  const std::string mark = catalog_.table_mark(stream, table.oid);
  PostgresConnection source(settings_.postgres, ConnectionKind::Ordinary, stop_);
  ask_for_description(source, table.oid, kResyncTag);
  const std::string words = fmt::format("a new copy was asked for, because {}", report.reason);
  const auto until = std::chrono::steady_clock::now() + settings_.consistency_max_lag;
  bool copied = false;
  while (!copied && std::chrono::steady_clock::now() < until) {
    if (stop_.stop_requested()) throw Error(ErrorCode::Stopped, "the check was stopped");
    std::this_thread::sleep_for(kCopyLookInterval);
    const TableRecord now = mirrored(table.oid);
    copied = now.state == TableState::Streaming && !now.shadow && catalog_.table_mark(stream, table.oid) != mark;
  }
  if (copied) {
    bool again = false;
    report = attempt(table, options, run, again);
  }
  report.repairs.insert(report.repairs.begin(), words);
  return report;
}

void Checker::record(const TableRecord& table, const CheckReport& report) {
  const std::string stream = stream_names(settings_).stream;
  if (!report.repairs.empty()) {
    catalog_.journal({.table = table.oid,
                      .event = "table_repaired",
                      .detail = fmt::format("{}: {}", report.table, fmt::join(report.repairs, "; "))});
  }
  catalog_.save_check(stream,
                      {.oid = table.oid,
                       .table = report.table,
                       .mode = std::string(to_string(report.mode)),
                       .result = std::string(to_string(report.verdict)),
                       .position = report.position,
                       .rows_compared = report.rows_compared,
                       .mismatched = report.mismatched,
                       .duration_ms = static_cast<std::uint64_t>(report.duration.count()),
                       .report = to_json(report).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)});
}

std::vector<JudgedTable> Checker::unmirrored() {
  const StreamRecord stream = this->stream();
  PostgresConnection source(settings_.postgres, ConnectionKind::Ordinary, stop_);
  return judge_inventory(source, {.stream = stream.name, .slot = stream.slot}, settings_.catalog_poll,
                         settings_.consistency_max_lag, stop_);
}

InventoryLook Checker::look_through_inventory() {
  const StreamRecord stream = this->stream();
  PostgresConnection source(settings_.postgres, ConnectionKind::Ordinary, stop_);
  InventoryLook look = echodb::look_through_inventory(source, {.stream = stream.name, .slot = stream.slot});
  if (!look.entries.empty()) flush_log(source);
  return look;
}

CheckReport report_unmirrored(const JudgedTable& table, CheckMode mode) {
  const bool pending = table.state == JudgedTable::State::Pending;
  return {.table = table.entry.table,
          .mode = mode,
          .verdict = table.state == JudgedTable::State::Error ? Verdict::Different : Verdict::Unknown,
          .reason = pending ? table.entry.reason + ", as far as the stream has been applied"
                    : table.state == JudgedTable::State::LeftOut ? "not mirrored: " + table.entry.reason
                                                                 : table.entry.reason,
          .at = std::chrono::system_clock::now()};
}

CheckReport with_inventory(Oid table, CheckReport report, std::vector<JudgedTable>& unmirrored) {
  auto found = std::ranges::find(unmirrored, table, [](const JudgedTable& judged) { return judged.entry.oid; });
  if (found == unmirrored.end()) return report;
  CheckReport other = report_unmirrored(*found, report.mode);
  unmirrored.erase(found);
  if (report.verdict == Verdict::Equal || other.verdict == Verdict::Different) report.verdict = other.verdict;
  report.reason = report.reason.empty() ? other.reason : fmt::format("{}; {}", other.reason, report.reason);
  return report;
}

std::vector<CheckRecord> Checker::history() {
  std::vector<CheckRecord> checks = catalog_.latest_checks(stream_names(settings_).stream);
  const std::vector<TableRecord> now = tables();
  std::erase_if(checks, [&](const CheckRecord& check) {
    return std::ranges::find(now, check.oid, &TableRecord::oid) == now.end();
  });
  return checks;
}

}  // namespace echodb
