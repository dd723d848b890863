#pragma once

#include <atomic>
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
/// schema defaults to the first of SYNC_SCHEMA, mode to ECHODB_CHECK_MODE. With CONSISTENCY_CHECKER_TOKEN, verify,
/// verify-all and repair are answered to `Authorization: Bearer <token>` alone, others get 401, and only the former see
/// in /metrics which rows differ.
class CheckerEndpoints {
 public:
  /// Throws Error(PortBusy), Error(InvalidConfiguration), also as require_checker_token() does.
  CheckerEndpoints(const Settings& settings, Checker& checker, CheckSchedule& schedule);

  [[nodiscard]] std::uint16_t port() const { return server_.port(); }

 private:
  HttpResponse respond(const HttpRequest& request);
  HttpResponse answer(const HttpRequest& request);
  HttpResponse check(const HttpRequest& request);
  [[nodiscard]] bool is_authorized(const HttpRequest& request) const;
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
  std::atomic<unsigned> checks_asked_for_{0};  ///< and not answered yet
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  HttpServer server_;  ///< last: it answers from the members above
};

/// Throws Error(InvalidConfiguration) when the checker would answer other machines without asking for a token.
void require_checker_token(const Settings& settings);

}  // namespace echodb
