#include <curl/curl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "server/health.h"

namespace echodb {
namespace {

using nlohmann::json;

struct Answer {
  long status = 0;
  std::string type;
  std::string body;
};

std::size_t append_body(char* from, std::size_t size, std::size_t count, void* body) {
  static_cast<std::string*>(body)->append(from, size * count);
  return size * count;
}

struct Ask {
  std::string path;
  std::string accept = "*/*";
  std::string method = "GET";
};

Answer ask(const HealthEndpoints& endpoints, const Ask& question) {
  std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), &curl_easy_cleanup);
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(
      curl_slist_append(nullptr, ("Accept: " + question.accept).c_str()), &curl_slist_free_all);
  std::string url = fmt::format("http://127.0.0.1:{}{}", endpoints.port(), question.path);
  Answer answer;
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");
  curl_easy_setopt(curl.get(), CURLOPT_CUSTOMREQUEST, question.method.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, 30L);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &append_body);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer.body);
  EXPECT_EQ(curl_easy_perform(curl.get()), CURLE_OK);
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &answer.status);
  const char* type = nullptr;
  curl_easy_getinfo(curl.get(), CURLINFO_CONTENT_TYPE, &type);
  if (type != nullptr) answer.type = type;
  return answer;
}

WorkerStatus streaming_status() {
  WorkerStatus status;
  status.state = "streaming";
  status.connected = true;
  status.is_leader = true;
  status.applied = Lsn{0x16B374D848};
  status.lag_bytes = 120;
  status.lag_ms = 12.5;
  status.rows_applied = 42;
  status.mirrors_created = 15;
  status.mirrors_dropped = 2;
  status.tables = {{.source = "public.users",
                    .target = "users",
                    .state = "streaming",
                    .rows_copied = 7,
                    .rows_applied = 42,
                    .error = "",
                    .error_lsn = ""},
                   {.source = "public.\"odd\"",
                    .target = "odd",
                    .state = "error",
                    .rows_copied = 0,
                    .rows_applied = 0,
                    .error = "no such column",
                    .error_lsn = "0/1A"}};
  status.text_fallbacks = {{.type = "inet", .columns = 3}};
  status.unanswered = {{.relation = "relation 16384", .reason = "locked"}};
  status.epoch = 7;
  status.breakers = {{.name = "peerdb_api", .state = "closed", .failures = 0},
                     {.name = "postgres_connection", .state = "closed", .failures = 0}};
  return status;
}

/// Endpoints on a port of their own, over a status that the test sets.
class Health : public ::testing::Test {
 protected:
  WorkerStatus status = streaming_status();
  HealthEndpoints endpoints{{.port = 0, .worker_id = "worker-1"}, [this] { return status; }};
};

TEST_F(Health, AnswersAsLongAsTheProcessLives) {
  for (const char* state : {"starting", "copying", "streaming", "error"}) {
    status.state = state;
    Answer answer = ask(endpoints, {.path = "/health"});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(json::parse(answer.body)["status"], "healthy");
    EXPECT_EQ(json::parse(answer.body)["worker_id"], "worker-1");
  }
}

TEST_F(Health, IsReadyOnlyWhileRowsFlow) {
  for (const char* state : {"copying", "streaming"}) {
    status.state = state;
    EXPECT_EQ(ask(endpoints, {.path = "/ready"}).status, 200) << state;
  }
  for (const char* state : {"starting", "error", "stopping"}) {
    status.state = state;
    EXPECT_EQ(ask(endpoints, {.path = "/ready"}).status, 503) << state;
  }
  status.state = "streaming";
  status.connected = false;
  status.last_error = "the connection to PostgreSQL broke";
  Answer answer = ask(endpoints, {.path = "/ready"});
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(json::parse(answer.body)["last_error"], "the connection to PostgreSQL broke");
}

TEST_F(Health, MetricsHaveTheDocumentedShape) {
  Answer answer = ask(endpoints, {.path = "/metrics"});
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.type, "application/json");
  json metrics = json::parse(answer.body);
  EXPECT_EQ(metrics["running"], true);
  EXPECT_EQ(metrics["connected"], true);
  EXPECT_EQ(metrics["worker_id"], "worker-1");
  EXPECT_EQ(metrics["is_leader"], true);
  EXPECT_EQ(metrics["mirrors_created"], 15);
  EXPECT_EQ(metrics["mirrors_dropped"], 2);
  EXPECT_EQ(metrics["mirrors_failed"], 0);
  EXPECT_TRUE(metrics["last_error"].is_null());
  EXPECT_TRUE(metrics["uptime_seconds"].is_number());
  EXPECT_EQ(metrics["circuit_breakers"]["peerdb_api"], (json{{"state", "closed"}, {"failures", 0}}));
  EXPECT_EQ(metrics["circuit_breakers"]["postgres_connection"]["state"], "closed");
}

TEST_F(Health, MetricsTellOfTheStreamAndEveryTable) {
  json metrics = json::parse(ask(endpoints, {.path = "/metrics"}).body);
  EXPECT_EQ(metrics["applied_lsn"], "16/B374D848");
  EXPECT_EQ(metrics["lag_ms"], 12.5);
  EXPECT_EQ(metrics["tables"]["total"], 2);
  EXPECT_EQ(metrics["tables"]["streaming"], 1);
  EXPECT_EQ(metrics["tables"]["error"], 1);
  EXPECT_EQ(metrics["tables"]["list"][1]["error"], "no such column");
  EXPECT_EQ(metrics["text_fallbacks"][0], (json{{"type", "inet"}, {"columns", 3}}));
  EXPECT_EQ(metrics["unanswered"][0], (json{{"relation", "relation 16384"}, {"reason", "locked"}}));
}

TEST_F(Health, NamesTablesThatAreWatchedAndNotMirrored) {
  EXPECT_FALSE(json::parse(ask(endpoints, {.path = "/ready"}).body).contains("not_mirrored"));
  status.unmirrored = {{.table = "public.new", .state = "pending", .reason = "watched, but not mirrored"},
                       {.table = "public.lost", .state = "error", .reason = "watched, but not mirrored"},
                       {.table = "public.scratch", .state = "left_out", .reason = "it is UNLOGGED"}};
  status.described_again = 4;
  Answer ready = ask(endpoints, {.path = "/ready"});
  EXPECT_EQ(ready.status, 200);
  EXPECT_EQ(json::parse(ready.body)["not_mirrored"],
            (json::array({{{"table", "public.lost"}, {"reason", "watched, but not mirrored"}}})));
  json metrics = json::parse(ask(endpoints, {.path = "/metrics"}).body);
  EXPECT_EQ(metrics["tables_watched_not_mirrored"], 1);
  EXPECT_EQ(metrics["tables_described_again"], 4);
  EXPECT_EQ(metrics["not_mirrored"].size(), 3U);
}

TEST_F(Health, NamesTablesThatOthersInheritFrom) {
  status.tables[0].inherited = {.tables = 3, .not_mirrored = 1, .words = "holds its own rows only"};
  json tables = json::parse(ask(endpoints, {.path = "/metrics"}).body)["tables"];
  EXPECT_EQ(tables["inherited"], 1);
  EXPECT_EQ(tables["list"][0]["inherited_by"],
            (json{{"tables", 3}, {"not_mirrored", 1}, {"words", "holds its own rows only"}}));
  EXPECT_TRUE(tables["list"][1]["inherited_by"].is_null());
  Answer scraped = ask(endpoints, {.path = "/metrics", .accept = "text/plain"});
  EXPECT_NE(scraped.body.find("echodb_table_inherited_by{table=\"" + status.tables[0].source + "\"} 3\n"),
            std::string::npos)
      << scraped.body;
}

TEST_F(Health, FollowersAreReadyAndSaySo) {
  status = {.state = "follower", .connected = true, .leader = "worker-2"};
  Answer answer = ask(endpoints, {.path = "/ready"});
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(json::parse(answer.body)["state"], "follower");
  json metrics = json::parse(ask(endpoints, {.path = "/metrics"}).body);
  EXPECT_EQ(metrics["is_leader"], false);
  EXPECT_EQ(metrics["leader"], "worker-2");
  status.connected = false;
  EXPECT_EQ(ask(endpoints, {.path = "/ready"}).status, 503);
}

TEST_F(Health, MetricsShowTheBreakersAsTheyAre) {
  status.last_error = "the connection to PostgreSQL broke";
  status.breakers[1] = {.name = "postgres_connection", .state = "open", .failures = 4};
  json metrics = json::parse(ask(endpoints, {.path = "/metrics"}).body);
  EXPECT_EQ(metrics["circuit_breakers"]["postgres_connection"], (json{{"state", "open"}, {"failures", 4}}));
  EXPECT_EQ(metrics["last_error"], "the connection to PostgreSQL broke");
}

TEST_F(Health, MetricsAreJsonEvenWithANameThatIsNotUtf8) {
  status.tables[0].source = "public.\xFF";
  EXPECT_NO_THROW(json::parse(ask(endpoints, {.path = "/metrics"}).body));
}

TEST_F(Health, MetricsSpeakPrometheusToAScraper) {
  for (const char* accept : {"text/plain", "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                             "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"}) {
    Answer answer = ask(endpoints, {.path = "/metrics", .accept = accept});
    EXPECT_EQ(answer.type, "text/plain; version=0.0.4; charset=utf-8") << accept;
    EXPECT_NE(answer.body.find("# TYPE echodb_rows_applied_total counter\nechodb_rows_applied_total 42\n"),
              std::string::npos)
        << answer.body;
    EXPECT_NE(answer.body.find("echodb_table_state{table=\"public.\\\"odd\\\"\",state=\"error\"} 1\n"),
              std::string::npos)
        << answer.body;
    EXPECT_NE(answer.body.find("echodb_lag_seconds 0.0125\n"), std::string::npos) << answer.body;
  }
}

TEST_F(Health, MetricsAreJsonForWhoeverTakesJson) {
  for (const char* accept : {"*/*", "application/json", "application/json, text/plain, */*", "text/html,*/*;q=0.8"}) {
    EXPECT_EQ(ask(endpoints, {.path = "/metrics", .accept = accept}).type, "application/json") << accept;
  }
}

TEST_F(Health, RefusesOtherPathsAndMethods) {
  EXPECT_EQ(ask(endpoints, {.path = "/"}).status, 404);
  EXPECT_EQ(ask(endpoints, {.path = "/metrics/"}).status, 404);
  EXPECT_EQ(ask(endpoints, {.path = "/health", .method = "POST"}).status, 405);
  EXPECT_EQ(ask(endpoints, {.path = "/health", .method = "DELETE"}).status, 405);
}

}  // namespace
}  // namespace echodb
