#include "cli/replication_progress.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>

#include "base/error.h"
#include "cli/http_get.h"

namespace echodb {
namespace {

using nlohmann::json;

constexpr std::string_view kBeforeRemedy = "\n  what to do: ";

/// A field that a worker that has only just started leaves out, or null, reads as nothing.
template <typename T>
T field(const json& object, const char* name) {
  auto found = object.find(name);
  return found == object.end() || found->is_null() ? T{} : found->get<T>();
}

/// Takes an Error's text apart again.
ReplicationProblem problem(const std::string& text, const std::string& otherwise) {
  auto remedy = text.find(kBeforeRemedy);
  if (remedy == std::string::npos) return {.what = text, .remedy = otherwise};
  return {.what = text.substr(0, remedy), .remedy = text.substr(remedy + kBeforeRemedy.size())};
}

std::vector<ReplicationProblem> problems_of(const json& all, const json& tables) {
  std::vector<ReplicationProblem> problems;
  // Of a stream that runs it is a table's, which is among the tables while it lasts.
  if (std::string error = field<std::string>(all, "last_error"); !error.empty() && !field<bool>(all, "connected")) {
    problems.push_back(problem(error, "it is tried again by itself; `echodb doctor` looks at both ends"));
  }
  for (const json& fault : all.value("installation_faults", json::array())) {
    problems.push_back({.what = field<std::string>(fault, "what"), .remedy = "nothing: it is put back by itself"});
  }
  for (const json& table : tables.value("list", json::array())) {
    if (field<std::string>(table, "state") != "error") continue;
    const auto name = field<std::string>(table, "source");
    problems.push_back(
        problem(fmt::format("{}: {}", name, field<std::string>(table, "error")),
                fmt::format("put that right; it is copied again by itself, or at once by `echodb resync {}`", name)));
  }
  return problems;
}

}  // namespace

ReplicationProgress parse_progress(const std::string& text) {
  try {
    json all = json::parse(text);
    json tables = all.value("tables", json::object());
    ReplicationProgress progress;
    progress.state = field<std::string>(all, "state");
    progress.problems = problems_of(all, tables);
    progress.lag_bytes = field<std::uint64_t>(all, "lag_bytes");
    progress.lag_ms = field<std::uint64_t>(all, "lag_ms");
    progress.rows_copied = field<std::uint64_t>(all, "rows_copied");
    progress.rows_to_copy = field<std::uint64_t>(all, "rows_to_copy");
    progress.rows_to_copy_known = field<bool>(all, "rows_to_copy_known");
    progress.rows_applied = field<std::uint64_t>(all, "rows_applied");
    progress.tables_total = field<std::uint64_t>(tables, "total");
    progress.tables_streaming = field<std::uint64_t>(tables, "streaming");
    return progress;
  } catch (const json::exception& failure) {
    throw Error(ErrorCode::ProtocolViolation, std::string("the worker's metrics cannot be read: ") + failure.what());
  }
}

std::optional<ReplicationProgress> fetch_progress(const std::string& worker_url) {
  auto answer = http_get(worker_url + "/metrics");
  if (!answer) return std::nullopt;
  return parse_progress(answer->body);
}

}  // namespace echodb
