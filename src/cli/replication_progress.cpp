#include "cli/replication_progress.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/http_get.h"

namespace echodb {
namespace {

using nlohmann::json;

/// A field that a worker that has only just started leaves out, or null, reads as nothing.
template <typename T>
T field(const json& object, const char* name) {
  auto found = object.find(name);
  return found == object.end() || found->is_null() ? T{} : found->get<T>();
}

}  // namespace

ReplicationProgress parse_progress(const std::string& text) {
  try {
    json all = json::parse(text);
    json tables = all.value("tables", json::object());
    ReplicationProgress progress;
    progress.state = field<std::string>(all, "state");
    progress.last_error = field<std::string>(all, "last_error");
    progress.lag_bytes = field<std::uint64_t>(all, "lag_bytes");
    progress.lag_ms = field<std::uint64_t>(all, "lag_ms");
    progress.rows_copied = field<std::uint64_t>(all, "rows_copied");
    progress.rows_to_copy = field<std::uint64_t>(all, "rows_to_copy");
    progress.rows_applied = field<std::uint64_t>(all, "rows_applied");
    progress.tables_total = field<std::uint64_t>(tables, "total");
    progress.tables_streaming = field<std::uint64_t>(tables, "streaming");
    progress.tables_error = field<std::uint64_t>(tables, "error");
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
