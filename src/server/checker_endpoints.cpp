#include "server/checker_endpoints.h"

#include <fmt/format.h>
#include <prometheus/text_serializer.h>

#include <nlohmann/json.hpp>

#include "base/secret.h"
#include "server/endpoint_answers.h"
#include "server/listening_socket.h"

namespace echodb {
namespace {

using nlohmann::json;

/// nullopt for a word that is no mode.
std::optional<CheckMode> mode_of(const HttpRequest& request, CheckMode otherwise) {
  const std::string* word = request.parameter("mode");
  return word == nullptr || word->empty() ? otherwise : parse_check_mode(*word);
}

HttpResponse no_such_mode(const HttpRequest& request) {
  return json_response(
      400,
      {{"error", fmt::format("'{}' is not a mode: count, sample, fingerprint or full", *request.parameter("mode"))}});
}

prometheus::MetricFamily family(std::string name, std::string help, prometheus::MetricType type) {
  return {std::move(name), std::move(help), type, {}};
}

void add(prometheus::MetricFamily& to, double value, std::vector<prometheus::ClientMetric::Label> labels = {}) {
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  if (to.type == prometheus::MetricType::Counter) metric.counter.value = value;
  if (to.type == prometheus::MetricType::Gauge) metric.gauge.value = value;
  to.metric.push_back(std::move(metric));
}

/// A table that is in error as a whole has nothing else to say.
std::map<std::string, std::string> reports_of(const CheckSchedule::Status& status) {
  std::map<std::string, std::string> reports = status.unmirrored;
  reports.insert(status.reports.begin(), status.reports.end());
  return reports;
}

std::string prometheus_text(const CheckSchedule::Status& status, std::int64_t uptime_seconds) {
  using prometheus::MetricType;
  auto checks = family("echodb_checks_total", "Checks of tables", MetricType::Counter);
  auto repairs = family("echodb_repairs_total", "Checks that repaired rows", MetricType::Counter);
  auto uptime = family("echodb_checker_uptime_seconds", "Seconds since the checker started", MetricType::Gauge);
  auto equal =
      family("echodb_table_equal", "1 equal, 0 different, -1 could not tell, at the last check", MetricType::Gauge);
  auto rows = family("echodb_table_rows_compared", "Rows that the last check compared", MetricType::Gauge);
  auto differ = family("echodb_table_rows_differing", "Rows that differed at the last check", MetricType::Gauge);
  auto unmirrored = family("echodb_tables_watched_not_mirrored",
                           "Tables that should be mirrored and are not, or the reverse", MetricType::Gauge);
  add(unmirrored, static_cast<double>(status.unmirrored.size()));
  add(checks, static_cast<double>(status.checks));
  add(repairs, static_cast<double>(status.repairs));
  add(uptime, static_cast<double>(uptime_seconds));
  for (const auto& [table, text] : reports_of(status)) {
    const json report = json::parse(text);
    const json& match = report.at("match");
    add(equal, match.is_null() ? -1 : match.get<bool>() ? 1 : 0, {{"table", table}});
    add(rows, report.at("rows_compared").get<double>(), {{"table", table}});
    add(differ, report.at("mismatched").get<double>(), {{"table", table}});
  }
  return prometheus::TextSerializer().Serialize({checks, repairs, uptime, equal, rows, differ, unmirrored});
}

/// A mismatch names a row by the values of its key.
struct Shown {
  bool rows;
};

json metrics_json(const CheckSchedule::Status& status, std::int64_t uptime_seconds, Shown shown) {
  const std::map<std::string, std::string> reports = reports_of(status);
  json tables{{"total", reports.size()}, {"equal", 0}, {"different", 0}, {"unknown", 0}, {"list", json::array()}};
  for (const auto& [table, text] : reports) {
    json report = json::parse(text);
    if (!shown.rows) {
      report.erase("mismatches");
      report.erase("repairs");
    }
    json& count = tables[report.at("result").get<std::string>()];
    count = count.get<int>() + 1;
    tables["list"].push_back(std::move(report));
  }
  return {{"running", true},
          {"uptime_seconds", uptime_seconds},
          {"checks", status.checks},
          {"repairs", status.repairs},
          {"checking", status.checking.empty() ? json(nullptr) : json(status.checking)},
          {"next_check_in_seconds", status.next_in.count()},
          {"last_error", status.last_error.empty() ? json(nullptr) : json(status.last_error)},
          {"tables_watched_not_mirrored", status.unmirrored.size()},
          {"tables", std::move(tables)}};
}

/// Nothing listens before this is known.
const Settings& with_token(const Settings& settings) {
  require_checker_token(settings);
  return settings;
}

}  // namespace

CheckerEndpoints::CheckerEndpoints(const Settings& settings, Checker& checker, CheckSchedule& schedule)
    : settings_(with_token(settings)),
      checker_(checker),
      schedule_(schedule),
      server_({.host = settings.checker_host,
               .port = settings.checker_port,
               .port_variable = "CONSISTENCY_CHECKER_PORT",
               .connections_max = limits::kEndpointConnectionsMax,
               .allowed_hosts = settings.allowed_hosts,
               .allowed_origins = settings.allowed_origins},
              without_body([this](const HttpRequest& request) { return respond(request); },
                           [this](const HttpRequest& request) {
                             return !settings_.checker_token.empty() && is_authorized(request);
                           })) {}

bool CheckerEndpoints::is_authorized(const HttpRequest& request) const {
  if (settings_.checker_token.empty()) return true;
  constexpr std::string_view kScheme = "Bearer ";
  const std::string* given = request.header("authorization");
  return given != nullptr && given->starts_with(kScheme) &&
         equal_secrets(std::string_view(*given).substr(kScheme.size()), settings_.checker_token);
}

std::int64_t CheckerEndpoints::uptime_seconds() const {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - started_).count();
}

HttpResponse CheckerEndpoints::respond(const HttpRequest& request) {
  try {
    return answer(request);
  } catch (const Error& error) {
    return json_response(503, {{"error", error.what()}});
  }
}

HttpResponse CheckerEndpoints::answer(const HttpRequest& request) {
  const bool is_repair = request.path == "/repair";
  const bool right_method = is_repair ? request.method == "POST" : request.method == "GET" || request.method == "HEAD";
  if (!right_method) {
    HttpResponse refusal =
        json_response(405, {{"error", is_repair ? "a repair is asked for with POST" : "only GET is answered here"}});
    refusal.headers.emplace_back("Allow", is_repair ? "POST" : "GET, HEAD");
    return refusal;
  }
  if (request.path == "/health") return health();
  if (request.path == "/ready") return ready();
  if (request.path == "/metrics") return metrics(request);
  if (is_repair || request.path == "/verify" || request.path == "/verify-all") return check(request);
  return json_response(404, {{"error", "there are /health, /ready, /verify, /verify-all, /repair and /metrics"}});
}

HttpResponse CheckerEndpoints::check(const HttpRequest& request) {
  if (!is_authorized(request)) {
    HttpResponse refusal = json_response(
        401, {{"error", "this needs the header `Authorization: Bearer` with the value of CONSISTENCY_CHECKER_TOKEN"}});
    refusal.headers.emplace_back("WWW-Authenticate", "Bearer");
    return refusal;
  }
  // Each takes a connection while it waits for its turn.
  struct Asked {
    std::atomic<unsigned>& count;
    const unsigned before = count++;
    ~Asked() { --count; }
  } asked{.count = checks_asked_for_};
  if (asked.before >= limits::kCheckRequestsMax) {
    return json_response(429, {{"error", fmt::format("{} checks are asked for and not answered yet: try again later",
                                                     limits::kCheckRequestsMax)}});
  }
  if (request.path == "/verify-all") return verify_all(request);
  return verify(request, request.path == "/repair");
}

HttpResponse CheckerEndpoints::health() const {
  const CheckSchedule::Status status = schedule_.status();
  return json_response(200, {{"status", "healthy"},
                             {"checking", status.checking.empty() ? json(nullptr) : json(status.checking)},
                             {"uptime_seconds", uptime_seconds()}});
}

HttpResponse CheckerEndpoints::ready() const {
  const CheckSchedule::Status status = schedule_.status();
  const bool is_ready = status.looked && status.last_error.empty();
  json body{{"ready", is_ready}};
  if (!status.last_error.empty()) body["last_error"] = status.last_error;
  return json_response(is_ready ? 200 : 503, body);
}

HttpResponse CheckerEndpoints::metrics(const HttpRequest& request) const {
  if (asks_for_prometheus(request)) {
    return {.status = 200,
            .headers = {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}},
            .body = prometheus_text(schedule_.status(), uptime_seconds()),
            .stream = nullptr};
  }
  return json_response(200, metrics_json(schedule_.status(), uptime_seconds(), {.rows = is_authorized(request)}));
}

HttpResponse CheckerEndpoints::verify(const HttpRequest& request, bool repair) {
  const std::string* schema = request.parameter("schema");
  const std::string* table = request.parameter("table");
  if (table == nullptr || table->empty()) {
    return json_response(400, {{"error", "name a table: ?schema=public&table=users"}});
  }
  const std::string& in = schema == nullptr || schema->empty() ? settings_.sync_schemas.front() : *schema;
  const std::optional<CheckMode> mode = mode_of(request, settings_.check_mode);
  if (!mode) return no_such_mode(request);
  const std::optional<TableRecord> found = checker_.find(in, *table);
  if (!found) return unmirrored(fmt::format("{}.{}", in, *table), *mode);
  CheckRun run;
  return json_response(200, to_json(schedule_.check(*found, {.mode = *mode, .repair = repair}, run)));
}

/// A table that is watched all the same is reported like one that was checked.
HttpResponse CheckerEndpoints::unmirrored(const std::string& table, CheckMode mode) {
  for (const JudgedTable& judged : checker_.unmirrored()) {
    if (judged.entry.table == table) return json_response(200, to_json(report_unmirrored(judged, mode)));
  }
  return json_response(404, {{"error", table + " is not mirrored"}});
}

HttpResponse CheckerEndpoints::verify_all(const HttpRequest& request) {
  const std::optional<CheckMode> mode = mode_of(request, settings_.check_mode);
  if (!mode) return no_such_mode(request);
  json reports = json::array();
  bool different = false;
  bool unknown = false;
  CheckRun run;
  // The tables last: what is created meanwhile is in one of the two, or pending.
  std::vector<JudgedTable> unmirrored = checker_.unmirrored();
  for (const TableRecord& table : checker_.tables()) {
    const CheckReport report = with_inventory(table.oid, schedule_.check(table, {.mode = *mode}, run), unmirrored);
    different = different || report.verdict == Verdict::Different;
    unknown = unknown || report.verdict == Verdict::Unknown;
    reports.push_back(to_json(report));
  }
  for (const JudgedTable& table : unmirrored) {
    if (table.state == JudgedTable::State::LeftOut) continue;
    const CheckReport report = report_unmirrored(table, *mode);
    different = different || report.verdict == Verdict::Different;
    unknown = unknown || report.verdict == Verdict::Unknown;
    reports.push_back(to_json(report));
  }
  return json_response(200, {{"match", different ? json(false)
                                       : unknown ? json(nullptr)
                                                 : json(true)},
                             {"tables", std::move(reports)}});
}

void require_checker_token(const Settings& settings) {
  if (!settings.checker_token.empty() || is_loopback(settings.checker_host)) return;
  throw Error(ErrorCode::InvalidConfiguration,
              fmt::format("CONSISTENCY_CHECKER_HOST is {}: whoever reaches it could read and repair rows",
                          settings.checker_host),
              "set CONSISTENCY_CHECKER_TOKEN, or let the checker listen on 127.0.0.1");
}

}  // namespace echodb
