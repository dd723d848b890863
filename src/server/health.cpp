#include "server/health.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "server/endpoint_answers.h"

namespace echodb {
namespace {

using nlohmann::json;

bool is_ready(const WorkerStatus& status) {
  if (status.refused_for > limits::kNotReadyAfter) return false;
  return status.connected && (status.state == "copying" || status.state == "streaming" || status.state == "follower");
}

}  // namespace

HealthEndpoints::HealthEndpoints(const HealthOptions& options, std::function<WorkerStatus()> status)
    : identity_{.worker_id = options.worker_id, .source_peer = options.source_peer, .target_peer = options.target_peer},
      status_(std::move(status)),
      server_({.host = options.host,
               .port = options.port,
               .port_variable = "HEALTH_CHECK_PORT",
               .connections_max = limits::kEndpointConnectionsMax,
               .allowed_hosts = options.allowed_hosts,
               .allowed_origins = options.allowed_origins},
              without_body([this](const HttpRequest& request) { return respond(request); })) {}

std::chrono::seconds HealthEndpoints::uptime() const {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - started_);
}

HttpResponse HealthEndpoints::respond(const HttpRequest& request) const {
  if (request.method != "GET" && request.method != "HEAD") {
    HttpResponse refusal = json_response(405, {{"error", "only GET is answered here"}});
    refusal.headers.emplace_back("Allow", "GET, HEAD");
    return refusal;
  }
  if (request.path == "/health") return health();
  if (request.path == "/ready") return ready();
  if (request.path == "/metrics") return metrics(request);
  return json_response(404, {{"error", "there are /health, /ready and /metrics"}});
}

HttpResponse HealthEndpoints::health() const {
  WorkerStatus status = status_();
  return json_response(200, {{"status", "healthy"},
                             {"worker_id", identity_.worker_id},
                             {"state", status.state},
                             {"is_leader", status.is_leader},
                             {"uptime_seconds", uptime().count()}});
}

HttpResponse HealthEndpoints::ready() const {
  WorkerStatus status = status_();
  bool is_ready_now = is_ready(status);
  json body{{"ready", is_ready_now},
            {"state", status.state},
            {"connected", status.connected},
            {"is_leader", status.is_leader}};
  // One bad table stops one table: the worker is ready all the same, and names it.
  if (status.watched_not_mirrored() > 0) {
    body["not_mirrored"] = json::array();
    for (const UnmirroredStatus& table : status.unmirrored) {
      if (table.state == "error") body["not_mirrored"].push_back({{"table", table.table}, {"reason", table.reason}});
    }
  }
  if (!is_ready_now && !status.last_error.empty()) body["last_error"] = status.last_error;
  return json_response(is_ready_now ? 200 : 503, body);
}

HttpResponse HealthEndpoints::metrics(const HttpRequest& request) const {
  WorkerIdentity identity = identity_;
  identity.uptime = uptime();
  if (asks_for_prometheus(request)) {
    return {.status = 200,
            .headers = {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}},
            .body = to_prometheus_text(status_(), identity),
            .stream = nullptr};
  }
  return {.status = 200,
          .headers = {{"Content-Type", "application/json"}},
          .body = to_metrics_json(status_(), identity),
          .stream = nullptr};
}

}  // namespace echodb
