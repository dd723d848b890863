#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/error.h"

namespace echodb {
namespace {

TEST(Error, IsItsMessageWhenThereIsNothingElse) {
  Error error(ErrorCode::SlotBusy, "the slot is in use");
  EXPECT_STREQ(error.what(), "the slot is in use");
  EXPECT_EQ(error.code(), ErrorCode::SlotBusy);
  EXPECT_EQ(error.remedy(), "");
  EXPECT_EQ(error.peer_code(), 0);
  EXPECT_EQ(error.sqlstate(), "");
}

TEST(Error, ShowsContextInTheOrderItWasAdded) {
  Error error(ErrorCode::SchemaMismatch, "columns differ");
  error.with("table", "public.users").with("lsn", "0/1A2B");
  EXPECT_STREQ(error.what(), "columns differ [table=public.users lsn=0/1A2B]");
  EXPECT_EQ(error.message(), "columns differ");
}

TEST(Error, ShowsTheRemedyLast) {
  Error error = Error(ErrorCode::PortBusy, "port 8080 is taken", "set HEALTH_CHECK_PORT").with("port", "8080");
  EXPECT_STREQ(error.what(), "port 8080 is taken [port=8080]\n  what to do: set HEALTH_CHECK_PORT");
}

TEST(Error, GainsContextOnItsWayUp) {
  auto cross_an_edge = [] {
    try {
      throw Error(ErrorCode::UnsupportedValue, "out of range");
    } catch (Error& error) {
      error.with("column", "price");
      throw;
    }
  };
  try {
    cross_an_edge();
    FAIL() << "the error was lost";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "out of range [column=price]");
  }
}

TEST(Error, CarriesWhatThePeerSaid) {
  Error clickhouse = Error(ErrorCode::TargetRejected, "no such table").with_peer_code(60);
  EXPECT_EQ(clickhouse.peer_code(), 60);
  Error postgres = Error(ErrorCode::SourceRejected, "no such table").with_sqlstate("42P01");
  EXPECT_EQ(postgres.sqlstate(), "42P01");
}

TEST(Error, IsCaughtAsAStandardException) {
  try {
    throw Error(ErrorCode::Stopped, "stopped").with("after", "3 rows");
  } catch (const std::exception& exception) {
    EXPECT_STREQ(exception.what(), "stopped [after=3 rows]");
  }
}

TEST(ErrorCode, HasAWordOfItsOwnForEachCode) {
  std::set<std::string_view> words;
  for (int code = 0; code <= static_cast<int>(ErrorCode::Stopped); ++code) {
    std::string_view word = to_string(static_cast<ErrorCode>(code));
    EXPECT_NE(word, "unknown") << code;
    EXPECT_TRUE(words.insert(word).second) << word;
  }
}

}  // namespace
}  // namespace echodb
