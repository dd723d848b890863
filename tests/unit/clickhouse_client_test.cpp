#include <fmt/format.h>
#include <gtest/gtest.h>

#include <optional>
#include <sstream>

#include "clickhouse/client.h"
#include "http_script.h"

namespace echodb {
namespace {

constexpr const char* kPage = "<html>Down for maintenance</html>";

std::string reply(const std::string& status, const std::string& headers, const std::string& body) {
  return fmt::format("HTTP/1.1 {}\r\n{}Content-Length: {}\r\nConnection: close\r\n\r\n{}", status, headers, body.size(),
                     body);
}

std::string summary(int written) {
  return fmt::format("X-ClickHouse-Summary: {{\"written_rows\":\"{}\"}}\r\n", written);
}

/// The headers of ClickHouse's answer to the query with that id.
std::string headers_for(const std::string& query_id, int written = 0) {
  return "X-ClickHouse-Server-Display-Name: vm\r\nX-ClickHouse-Query-Id: " + query_id + "\r\n" + summary(written);
}

/// The sum that `SELECT toUInt64(a) + toUInt64(b)` asks for; nullopt for any other statement.
std::optional<std::string> sum_asked_for(const std::string& sql) {
  unsigned long long left = 0;
  unsigned long long right = 0;
  if (std::sscanf(sql.c_str(), "SELECT toUInt64(%llu) + toUInt64(%llu)", &left, &right) != 2) return std::nullopt;
  return std::to_string(left + right) + "\n";
}

/// A ClickHouse that answers questions properly, and other statements like the test says.
HttpScript::Answer clickhouse_but(HttpScript::Answer answer) {
  return [answer = std::move(answer)](const HttpCall& call) {
    std::optional<std::string> sum = sum_asked_for(call.body);
    return sum ? reply("200 OK", headers_for(call.query_id), *sum) : answer(call);
  };
}

ClickHouseClient client_of(const HttpScript& server) {
  return ClickHouseClient({.host = "127.0.0.1", .port = server.port(), .database = {}});
}

/// How an insert of two rows ends; nullopt: acknowledged.
std::optional<Error> insert_into(const HttpScript& server) {
  ClickHouseClient client = client_of(server);
  Bytes data = as_bytes("rows");
  try {
    client.insert("INSERT INTO t FORMAT Native", {.data = std::span(&data, 1), .count = 2});
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

std::optional<Error> insert_answered_by(HttpScript::Answer answer) {
  HttpScript server(clickhouse_but(std::move(answer)));
  return insert_into(server);
}

void expect_foreign(const std::optional<Error>& error) {
  ASSERT_TRUE(error) << "it was taken for an acknowledgement";
  EXPECT_EQ(error->code(), ErrorCode::TargetUnreachable);
  EXPECT_NE(error->message().find("that is not ClickHouse"), std::string::npos) << error->what();
}

TEST(ClickHouseClient, AcceptsTheAnswerToItsOwnStatement) {
  EXPECT_FALSE(
      insert_answered_by([](const HttpCall& call) { return reply("200 OK", headers_for(call.query_id, 2), ""); }));
}

TEST(ClickHouseClient, SendsNoTwoQueryIdsAlike) {
  std::vector<std::string> ids;
  HttpScript server([&](const HttpCall& call) {
    ids.push_back(call.query_id);
    return reply("200 OK", headers_for(call.query_id), sum_asked_for(call.body).value_or(""));
  });
  ClickHouseClient client = client_of(server);
  client.query("SELECT 1");
  client.query("SELECT 1");
  ASSERT_EQ(ids.size(), 3U);
  EXPECT_NE(ids[1], ids[2]);
  EXPECT_GE(ids[1].size(), 32U);
}

TEST(ClickHouseClient, TakesAPageForNoAcknowledgement) {
  std::optional<Error> error =
      insert_answered_by([](const HttpCall&) { return reply("200 OK", "Content-Type: text/html\r\n", kPage); });
  expect_foreign(error);
  EXPECT_NE(error->message().find("Down for maintenance"), std::string::npos) << error->what();
}

TEST(ClickHouseClient, TakesAPageForNothingWhenItNeverMetClickHouse) {
  HttpScript server([](const HttpCall&) { return reply("200 OK", "", "Ok.\n"); });
  expect_foreign(insert_into(server));
}

TEST(ClickHouseClient, TakesAnEmptyAnswerForNoAcknowledgement) {
  expect_foreign(insert_answered_by([](const HttpCall&) { return reply("200 OK", "", ""); }));
}

TEST(ClickHouseClient, TakesAnEarlierAnswersHeadersForNoAcknowledgement) {
  expect_foreign(
      insert_answered_by([](const HttpCall&) { return reply("200 OK", headers_for("an-earlier-one", 2), ""); }));
}

TEST(ClickHouseClient, TakesARefusalOfAnotherStatementForNone) {
  expect_foreign(insert_answered_by([](const HttpCall&) {
    return reply("404 Not Found", headers_for("an-earlier-one"), "Code: 60. DB::Exception: no such table");
  }));
}

TEST(ClickHouseClient, FollowsNoRedirectAndTakesNoOtherStatusForAnAnswer) {
  for (const char* status :
       {"302 Found", "204 No Content", "404 Not Found", "403 Forbidden", "500 Internal Server Error"}) {
    SCOPED_TRACE(status);
    expect_foreign(
        insert_answered_by([&](const HttpCall&) { return reply(status, "Location: http://127.0.0.1:1/\r\n", kPage); }));
  }
}

TEST(ClickHouseClient, TakesAnAnswerThatWasCutOffForNone) {
  std::optional<Error> error = insert_answered_by([](const HttpCall& call) {
    return "HTTP/1.1 200 OK\r\n" + headers_for(call.query_id, 2) + "Content-Length: 10\r\n\r\nhalf";
  });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ErrorCode::TargetUnreachable);
}

TEST(ClickHouseClient, TakesAnAnswerWithoutAnEndForNone) {
  expect_foreign(insert_answered_by(
      [](const HttpCall& call) { return "HTTP/1.1 200 OK\r\n" + headers_for(call.query_id, 2) + "\r\n"; }));
}

TEST(ClickHouseClient, TakesAnAnswerWithoutAHeadForNone) {
  expect_foreign(insert_answered_by([](const HttpCall&) { return std::string(kPage); }));
}

TEST(ClickHouseClient, WaitsForTheAnswerBehindAnInterimOne) {
  EXPECT_FALSE(insert_answered_by([](const HttpCall& call) {
    return "HTTP/1.1 100 Continue\r\n" + headers_for("another") + "\r\n" +
           reply("200 OK", headers_for(call.query_id, 2), "");
  }));
}

TEST(ClickHouseClient, WantsToHearWhatWasWritten) {
  expect_foreign(insert_answered_by(
      [](const HttpCall& call) { return reply("200 OK", "X-ClickHouse-Query-Id: " + call.query_id + "\r\n", ""); }));
  expect_foreign(
      insert_answered_by([](const HttpCall& call) { return reply("200 OK", headers_for(call.query_id, 1), ""); }));
  // Materialized views count as well.
  EXPECT_FALSE(
      insert_answered_by([](const HttpCall& call) { return reply("200 OK", headers_for(call.query_id, 9), ""); }));
}

TEST(ClickHouseClient, HearsAnExceptionBehindAStatusOf200) {
  std::optional<Error> in_head = insert_answered_by([](const HttpCall& call) {
    return reply("200 OK", headers_for(call.query_id, 2) + "X-ClickHouse-Exception-Code: 60\r\n",
                 "Code: 60. DB::Exception: no such table");
  });
  ASSERT_TRUE(in_head);
  EXPECT_EQ(in_head->peer_code(), 60);
  std::optional<Error> in_body = insert_answered_by([](const HttpCall& call) {
    return reply("200 OK", headers_for(call.query_id, 2) + "X-ClickHouse-Exception-Tag: 0123456789abcdef\r\n",
                 "1\n\r\n__exception__\r\n0123456789abcdef\r\nCode: 241\n10 0123456789abcdef\r\n__exception__\r\n");
  });
  ASSERT_TRUE(in_body);
  EXPECT_EQ(in_body->code(), ErrorCode::TargetOverloaded);
}

TEST(ClickHouseClient, ReadsNoRowFromAPage) {
  for (const char* headers : {"", "X-ClickHouse-Query-Id: an-earlier-one\r\n"}) {
    HttpScript server(clickhouse_but([&](const HttpCall&) { return reply("200 OK", headers, "0\n"); }));
    ClickHouseClient client = client_of(server);
    std::size_t taken = 0;
    EXPECT_THROW(client.read("SELECT count() FROM t", [&](Bytes piece) { taken += piece.size(); }), Error);
    EXPECT_EQ(taken, 0U);
    EXPECT_THROW(client.query("SELECT count() FROM t"), Error);
  }
}

/// What stands in for a server whose answers cannot show the id that was sent.
std::string marked(const std::string& headers, const std::string& body) {
  std::optional<std::string> sum = sum_asked_for(body);
  return reply("200 OK", headers, sum.value_or(""));
}

TEST(ClickHouseClient, AsksAServerThatNamesNoQueryAfterEveryStatement) {
  int questions = 0;
  HttpScript server([&](const HttpCall& call) {
    questions += sum_asked_for(call.body) ? 1 : 0;
    return marked("X-ClickHouse-Server-Display-Name: vm\r\n", call.body);
  });
  EXPECT_FALSE(insert_into(server));
  EXPECT_EQ(questions, 2);
}

TEST(ClickHouseClient, TakesOtherIdsFromAProxyThatAnswersQuestions) {
  int calls = 0;
  HttpScript server([&](const HttpCall& call) { return marked(headers_for(fmt::format("{:X}", ++calls)), call.body); });
  EXPECT_FALSE(insert_into(server));
}

TEST(ClickHouseClient, TakesHeadersAloneForNoServer) {
  for (const std::string& headers : {std::string("X-ClickHouse-Server-Display-Name: vm\r\n"), headers_for("17F3")}) {
    int questions = 0;
    HttpScript server([&](const HttpCall& call) {
      std::optional<std::string> sum = sum_asked_for(call.body);
      const bool is_itself = sum && ++questions == 1;
      return reply("200 OK", headers, is_itself ? *sum : kPage);
    });
    expect_foreign(insert_into(server));
  }
}

}  // namespace
}  // namespace echodb
