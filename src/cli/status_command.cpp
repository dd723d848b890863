#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/http_get.h"
#include "embedded/running_up.h"
#include "embedded/stored_credentials.h"

namespace echodb {
namespace {

using nlohmann::json;

void print_stream(const json& metrics) {
  fmt::print("worker {}: {}{}\n", metrics.at("worker_id").get<std::string>(), metrics.at("state").get<std::string>(),
             metrics.at("connected").get<bool>() ? "" : ", not connected");
  if (metrics.at("is_leader").get<bool>()) {
    fmt::print("leads, epoch {}\n", metrics.at("epoch").get<std::uint64_t>());
  } else if (!metrics.at("leader").is_null()) {
    fmt::print("{} leads: ask it for lag and tables\n", metrics.at("leader").get<std::string>());
  }
  for (const auto& [name, breaker] : metrics.at("circuit_breakers").items()) {
    if (breaker.at("state") == "closed") continue;
    fmt::print("circuit breaker {}: {}, {} failures in a row\n", name, breaker.at("state").get<std::string>(),
               breaker.at("failures").get<std::uint64_t>());
  }
  fmt::print("applied {}, lag {} bytes, {:.0f} ms\n", metrics.at("applied_lsn").get<std::string>(),
             metrics.at("lag_bytes").get<std::uint64_t>(), metrics.at("lag_ms").get<double>());
  fmt::print("rows: {} copied, {} applied\n", metrics.at("rows_copied").get<std::uint64_t>(),
             metrics.at("rows_applied").get<std::uint64_t>());
  if (const json remade = metrics.value("remade", json()); !remade.is_null()) {
    fmt::print("every table was copied again from {} on: {}\n", remade.at("at").get<std::string>(),
               remade.at("reason").get<std::string>());
  }
  if (!metrics.at("last_error").is_null()) {
    fmt::print("last error, at {}: {}\n", metrics.value("last_error_at", std::string("an unknown time")),
               metrics.at("last_error").get<std::string>());
  }
}

std::string mebibytes(std::uint64_t bytes) { return fmt::format("{:.1f} MB", static_cast<double>(bytes) / (1 << 20)); }

/// What the slot costs the source.
void print_slot(const json& slot) {
  if (slot.is_null()) return;
  std::string name = slot.at("name").get<std::string>();
  if (!slot.at("exists").get<bool>()) {
    fmt::print("slot {}: none\n", name);
    return;
  }
  fmt::print("slot {}: {}, {}, the source retains {}", name, slot.at("wal_status").get<std::string>(),
             slot.at("active").get<bool>() ? "active" : "nobody reads it",
             mebibytes(slot.at("retained_bytes").get<std::uint64_t>()));
  if (std::uint64_t most = slot.at("retained_bytes_max").get<std::uint64_t>(); most > 0) {
    fmt::print(" of {} allowed", mebibytes(most));
  }
  if (!slot.at("safe_wal_bytes").is_null()) {
    fmt::print(", lost after {} more", mebibytes(static_cast<std::uint64_t>(
                                           std::max<std::int64_t>(slot.at("safe_wal_bytes").get<std::int64_t>(), 0))));
  }
  fmt::print("\n");
  if (!slot.at("loss").is_null()) fmt::print("slot {}: {}\n", name, slot.at("loss").get<std::string>());
}

void print_installation(const json& faults) {
  for (const json& fault : faults) {
    fmt::print("{}: seen at {}, it is put back by itself\n", fault.at("what").get<std::string>(),
               fault.at("since").get<std::string>());
  }
}

void print_unanswered(const json& questions) {
  for (const json& question : questions) {
    fmt::print("{}: the source is asked again and again what became of it: {}\n",
               question.at("relation").get<std::string>(), question.at("reason").get<std::string>());
  }
}

std::string next_attempt(const json& table) {
  const json& seconds = table.at("next_attempt_s");
  return seconds.is_null() ? "being tried again" : fmt::format("tried again in {} s", seconds.get<std::int64_t>());
}

/// How much a table asks to be looked at: what is stopped first.
int urgency(const json& table) {
  const std::string state = table.at("state").get<std::string>();
  if (state == "error") return 0;
  if (!table.value("held_up", json()).is_null()) return 1;
  return state == "streaming" ? 3 : 2;
}

/// "324 tables: 1 error, 2 copying, 321 streaming"
void print_counts(const std::vector<json>& tables) {
  std::vector<std::pair<std::string, std::size_t>> counts;  // in the order of the tables
  for (const json& table : tables) {
    const std::string state = table.at("state").get<std::string>();
    auto found = std::ranges::find(counts, state, &std::pair<std::string, std::size_t>::first);
    if (found == counts.end()) found = counts.insert(counts.end(), {state, 0});
    ++found->second;
  }
  std::string words;
  for (const auto& [state, count] : counts) words += fmt::format("{}{} {}", words.empty() ? "" : ", ", count, state);
  fmt::print("\n{} table{}{}{}\n", tables.size(), tables.size() == 1 ? "" : "s", words.empty() ? "" : ": ", words);
}

void print_tables(std::vector<json> tables) {
  std::ranges::stable_sort(tables, {}, urgency);
  print_counts(tables);
  fmt::print("{:<40} {:<30} {:<10} {:>12} {:>12}\n", "table", "target", "state", "copied", "applied");
  for (const json& table : tables) {
    fmt::print("{:<40} {:<30} {:<10} {:>12} {:>12}\n", table.at("source").get<std::string>(),
               table.at("target").get<std::string>(), table.at("state").get<std::string>(),
               table.at("rows_copied").get<std::uint64_t>(), table.at("rows_applied").get<std::uint64_t>());
    if (table.contains("error") && !table.at("error").is_null()) {
      fmt::print("  {}\n  since {}, {}\n", table.at("error").get<std::string>(),
                 table.at("error_lsn").is_null() ? "the start" : table.at("error_lsn").get<std::string>(),
                 next_attempt(table));
    }
    if (const json held_up = table.value("held_up", json()); !held_up.is_null()) {
      fmt::print("  its next step is tried again and again: {}\n", held_up.get<std::string>());
    }
    for (const json& column : table.value("text_columns", json::array())) {
      const std::string type = column.value("type", std::string("text"));
      fmt::print("  {} is {} since {}: {}\n", column.at("column").get<std::string>(), type,
                 column.at("since_lsn").get<std::string>(),
                 type.starts_with("Variant(") ? "a NULL came in place of an array"
                                              : "a value came that has no counterpart in its own type");
    }
    for (const json& column : table.value("kept_types", json::array())) {
      fmt::print("  {} stays {}, where the settings ask for {} now: `echodb resync {}` makes the table anew\n",
                 column.at("column").get<std::string>(), column.at("type").get<std::string>(),
                 column.at("today").get<std::string>(), table.at("source").get<std::string>());
    }
    if (const json inherited = table.value("inherited_by", json()); !inherited.is_null()) {
      fmt::print("  it {}\n", inherited.at("words").get<std::string>());
    }
  }
}

/// Those in state error are among the tables.
void print_not_mirrored(const json& tables) {
  for (const json& table : tables) {
    std::string state = table.at("state").get<std::string>();
    if (state == "error") continue;
    const std::string reason = table.at("reason").get<std::string>();
    const std::string_view pending = reason.starts_with("mirrored") ? "looked into" : "not yet mirrored";
    fmt::print("{}: {}: {}\n", state == "pending" ? pending : "not mirrored", table.at("table").get<std::string>(),
               reason);
  }
}

/// What the leader among the workers of an `up` says, or else the first of them that answers.
json ask_workers(const Settings& settings) {
  const std::optional<RunningUp> running = find_running_up(settings.data_dir);
  const int workers = running ? running->workers : 1;
  json first;
  for (int index = 0; index < workers; ++index) {
    const auto port = static_cast<std::uint16_t>(settings.health_port + index);
    std::optional<HttpAnswer> answer = http_get(endpoint_url(settings.health_host, port) + "/metrics");
    if (!answer || answer->status != 200) continue;
    json metrics = json::parse(answer->body);
    if (metrics.at("is_leader").get<bool>()) return metrics;
    if (first.is_null()) first = std::move(metrics);
  }
  if (!first.is_null()) return first;
  throw Error(ErrorCode::SystemFailure,
              fmt::format("no worker answers at {}", endpoint_url(settings.health_host, settings.health_port)),
              "start one, run this in the directory of `echodb up` or with its ECHODB_DATA_DIR, or set "
              "HEALTH_CHECK_HOST and HEALTH_CHECK_PORT to where it listens");
}

}  // namespace

int status_command(const Settings& settings, const StatusOptions& options) {
  json metrics = ask_workers(settings);
  if (options.json) {
    fmt::print("{}\n", metrics.dump(2));
    return 0;
  }
  print_stream(metrics);
  print_slot(metrics.at("slot"));
  print_installation(metrics.value("installation_faults", json::array()));
  print_unanswered(metrics.value("unanswered", json::array()));
  print_tables(metrics.at("tables").at("list"));
  print_not_mirrored(metrics.value("not_mirrored", json::array()));
  std::error_code ignored;
  const auto passwords = credentials_file(std::filesystem::absolute(settings.data_dir).lexically_normal());
  if (std::filesystem::exists(passwords, ignored)) fmt::print("\npasswords: {}\n", passwords.string());
  return 0;
}

}  // namespace echodb
