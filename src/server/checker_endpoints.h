#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "server/http_server.h"
#include "verify/check_schedule.h"

namespace echodb {

/// The checker's endpoints:
///
///   GET  /health                              200 as long as the process answers
///   GET  /ready                               200 once the catalog can be read; 503 otherwise
///   GET  /verify?schema=&table=&mode=         checks a table now and answers with the report
///   GET  /verify-all?mode=                    all of them; `match` as in a report: null when only that is unknown
///   POST /repair?schema=&table=               checks and repairs a table
///   GET  /metrics                             JSON, or Prometheus' text format when Accept asks for it
///
/// schema defaults to the first of SYNC_SCHEMA, mode to ECHODB_CHECK_MODE.
class CheckerEndpoints {
 public:
  /// Throws Error(PortBusy), Error(InvalidConfiguration).
  CheckerEndpoints(const Settings& settings, Checker& checker, CheckSchedule& schedule);

  [[nodiscard]] std::uint16_t port() const { return server_.port(); }

 private:
  HttpResponse respond(const HttpRequest& request);
  HttpResponse answer(const HttpRequest& request);
  HttpResponse verify(const HttpRequest& request, bool repair);
  HttpResponse unmirrored(const std::string& table, CheckMode mode);
  HttpResponse verify_all(const HttpRequest& request);
  [[nodiscard]] HttpResponse health() const;
  [[nodiscard]] HttpResponse ready() const;
  [[nodiscard]] HttpResponse metrics(const HttpRequest& request) const;
  [[nodiscard]] std::int64_t uptime_seconds() const;

  const Settings& settings_;
  Checker& checker_;
  CheckSchedule& schedule_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  HttpServer server_;  ///< last: it answers from the members above
};

}  // namespace echodb
