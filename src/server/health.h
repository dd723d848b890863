#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "replication/worker_status.h"
#include "server/http_server.h"
#include "server/worker_metrics.h"

namespace echodb {

struct HealthOptions {
  std::string host = "127.0.0.1";  ///< HEALTH_CHECK_HOST
  std::uint16_t port = 8080;       ///< HEALTH_CHECK_PORT; 0: any free port
  std::string worker_id;
  std::string source_peer = {};
  std::string target_peer = {};
  std::vector<std::string> allowed_hosts = {};  ///< as PageGuard::Options
  std::vector<std::string> allowed_origins = {};
};

/// A worker's endpoints, for people, load balancers and scrapers:
///
///   GET /health    200 as long as the process answers
///   GET /ready     200 while rows flow: the stream is open, copying or streaming, and what is sent to ClickHouse gets
///                  through; also as a follower that could take over at any moment, while somebody leads; 503
///                  otherwise. Names the tables that are watched and not mirrored
///   GET /metrics   JSON, or Prometheus' text format when the Accept header asks for text/plain or OpenMetrics
///
/// `status` is called from the server's threads, several at a time.
class HealthEndpoints {
 public:
  /// Throws Error(PortBusy), Error(InvalidConfiguration).
  HealthEndpoints(const HealthOptions& options, std::function<WorkerStatus()> status);

  [[nodiscard]] std::uint16_t port() const { return server_.port(); }

 private:
  [[nodiscard]] HttpResponse respond(const HttpRequest& request) const;
  [[nodiscard]] HttpResponse health() const;
  [[nodiscard]] HttpResponse ready() const;
  [[nodiscard]] HttpResponse metrics(const HttpRequest& request) const;
  [[nodiscard]] std::chrono::seconds uptime() const;

  const WorkerIdentity identity_;
  const std::function<WorkerStatus()> status_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  HttpServer server_;  ///< last: it answers from the members above
};

}  // namespace echodb
