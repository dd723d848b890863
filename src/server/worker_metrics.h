#pragma once

#include <chrono>
#include <string>

#include "replication/worker_status.h"

namespace echodb {

/// What belongs to the worker as a program, beside what its stream reports.
struct WorkerIdentity {
  std::string worker_id;
  std::string source_peer = {};  ///< SOURCE_PEER_NAME
  std::string target_peer = {};  ///< TARGET_PEER_NAME
  std::chrono::seconds uptime{0};
};

/// The answer of /metrics as its users know it, plus the stream's figures. `tables` holds the counts by state and,
/// under `list`, every table.
std::string to_metrics_json(const WorkerStatus& status, const WorkerIdentity& identity);

/// The same for Prometheus, in its text format 0.0.4.
std::string to_prometheus_text(const WorkerStatus& status, const WorkerIdentity& identity);

}  // namespace echodb
